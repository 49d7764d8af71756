// One configuration for the window, its development server and its tests.
// `--mode fake` runs the window on fixtures, without a backend; any other build leaves the fixtures out.

import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig(({ mode }) => ({
  root: here('.'),
  // Relative, so that the same files work under tauri://, http://tauri.localhost and the console.
  base: './',
  plugins: [svelte({ configFile: here('./svelte.config.js') }), svelteTesting()],
  server: { port: 5173, strictPort: true, host: '127.0.0.1' },
  preview: { port: 5174, strictPort: true, host: '127.0.0.1' },
  build: {
    // The build on fixtures must never be mistaken for the one that ships.
    outDir: here(mode === 'fake' ? './dist/fake' : './dist'),
    emptyOutDir: true,
    // WebKitGTK of Debian 12, macOS 12 and WebView2.
    target: 'safari16',
    // A script of its own per file: the content security policy allows none inside the page.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    // It is read from the disk it was installed on, all at once.
    chunkSizeWarningLimit: 1000,
    // A slow computer is nothing to mend here.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  test: {
    environment: 'happy-dom',
    include: ['**/*.test.ts'],
    setupFiles: [here('./test/setup.ts')],
    restoreMocks: true,
    // The contrast test reads the style sheet.
    css: { include: [/tokens\.css/] },
  },
}));
