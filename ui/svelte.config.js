// Read by Vite, by the tests and by svelte-check.

/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: {
    runes: true,
    // Styles go into the style sheet of the build: the content security policy allows none from a script.
    css: 'external',
  },
};
