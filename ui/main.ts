// Where the window starts: find the backend, build the stores, show the app.

import './styles/tokens.css';
import './styles/base.css';

import { mount } from 'svelte';

import App from './app/App.svelte';
import { chooseHost } from './host/choose';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no element #app');
const root = target;

void chooseHost().then((host) => mount(App, { target: root, props: { host } }));
