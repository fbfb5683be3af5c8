import js from '@eslint/js'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['build', 'dist', 'prebuilds', 'test/golden', 'bench/results'] },
  js.configs.recommended,
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...ts.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: ['./tsconfig.test.json', './studio/tsconfig.json'] } },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // noUncheckedIndexedAccess makes them frequent where bounds are known
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_', argsIgnorePattern: '^_' }], // what is left out of a rest
      '@typescript-eslint/require-await': 'off', // async methods reject where others would throw
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['**/*.cjs', '**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['console', 'process', 'require', '__dirname', 'module', 'URL', 'performance', 'setTimeout', 'clearTimeout', 'setImmediate'],
          ...['Buffer', 'fetch', 'FormData', 'Blob', 'AbortController'],
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
)
