// A bucket as a store, on S3 or whatever speaks its language (`AWS_ENDPOINT_URL`). Objects are deleted by a rule of the bucket.
import { DimooError, invalid } from '../base/errors.js'
import { show } from '../base/show.js'
import type { BlobStore } from './store.js'

/** `address`: s3://bucket/prefix. Credentials and region are found as the AWS SDK finds them. */
export async function s3Store(address: string): Promise<BlobStore> {
  const { hostname: bucket, pathname } = new URL(address)
  if (!bucket) throw invalid(`store: expected s3://bucket/prefix, got ${show(address)}`)
  const prefix = pathname.replace(/^\/+|\/+$/g, '')
  const { S3Client, PutObjectCommand, GetObjectCommand, DeleteObjectCommand } = await sdk()
  // Addresses such as http://minio:9000 have no subdomains for buckets.
  const client = new S3Client({
    forcePathStyle: process.env['AWS_ENDPOINT_URL'] !== undefined || process.env['AWS_ENDPOINT_URL_S3'] !== undefined,
  })
  const at = (key: string): { Bucket: string; Key: string } => ({ Bucket: bucket, Key: prefix ? `${prefix}/${key}` : key })
  const asked = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      const { name, message } = error as Error
      throw new DimooError('output/failed', `store: ${address} cannot be used (${name}: ${message})`, { cause: error })
    }
  }
  return {
    async put(key, bytes) {
      await asked(client.send(new PutObjectCommand({ ...at(key), Body: bytes, ContentType: 'application/octet-stream' })))
    },
    async get(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand(at(key)))
        return await Body?.transformToByteArray()
      } catch (error) {
        const { name } = error as Error
        if (name === 'NoSuchKey' || name === 'NotFound') return undefined
        return asked(Promise.reject(error as Error))
      }
    },
    async delete(key) {
      await client.send(new DeleteObjectCommand(at(key))).catch(() => undefined)
    },
  }
}

async function sdk(): Promise<typeof import('@aws-sdk/client-s3')> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    throw new DimooError('binding/not-found', 'store: expected the package @aws-sdk/client-s3, got none: npm install @aws-sdk/client-s3', {
      cause: error,
    })
  }
}
