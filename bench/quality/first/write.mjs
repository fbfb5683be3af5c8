// node bench/quality/first/write.mjs: writes bench/quality/cases/first anew.
import '../typescript.mjs'

const { writeCases } = await import('./write.ts')
writeCases(new URL('../cases/first', import.meta.url).pathname)
