#!/usr/bin/env node
// What changes a policy, on the page in a real browser: the rule that would spare a question, and an agent that would change
// the project's own policy. Light and dark, and as wide as a phone. Ends with 1 where something is not to be seen or is wider
// than the screen; 77 where there is no browser. PICTURES names a folder for pictures.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Browser } from '../../../examples/answer-in-a-browser/cdp.mjs';
import { ends, hold, play, start, until, verb, workspace } from '../../../examples/answer-in-a-browser/stage.mjs';

const pictures = process.env.PICTURES;
const policy = join(workspace, '.tollgate/policy.toml');
const rule = (effect) => `version = 1\n[[net]]\neffect = "${effect}"\nnames = ["build.example"]\nports = [8080]\nbecause = "the build's cache"\nmatches = ["build.example:8080"]\n`;

/** As wide as a desk and as a phone, light and dark: nothing is cut off. */
async function looksWell(tab, name) {
  for (const [form, width, height, scheme] of [['light', 1200, 850, 'light'], ['dark', 1200, 850, 'dark'], ['narrow', 375, 740, 'light'], ['narrow-dark', 375, 740, 'dark']]) {
    await tab.look({ width, height, scheme });
    const wide = await tab.value('document.documentElement.scrollWidth - innerWidth');
    hold(wide <= 0, `${name}, ${form}: ${wide} pixels wider than the screen`);
    if (pictures) { await tab.picture(join(pictures, `${name}-${form}.png`)); }
  }
  await tab.look({ width: 1200, height: 850, scheme: 'light' });
}

const one = async () => {
  let open = [];
  await until('a question', () => { open = JSON.parse(verb('approvals', 'list', '--json')); return open.length === 1; });
  return open[0].id;
};

async function story() {
  mkdirSync(join(workspace, '.tollgate'));
  writeFileSync(policy, rule('deny'));
  const page = start('web', '--listen', '127.0.0.1:0');
  await until('a link', () => page.out.includes('\n'));
  const base = new URL(page.out.trim()).origin;
  const browser = await Browser.start();
  ends.push(() => browser.end());
  const tab = await browser.tab();
  await tab.go(page.out.trim());

  const tried = start('run', '--', 'bash', '-c', 'exec 3<>/dev/tcp/build.example/8080; true');
  await tried.ends();
  const reach = start('run', '--', 'bash', '-c', 'exec 3<>/dev/tcp/other.example/9090; true');
  const asked = await one();
  await tab.go(`${base}/q/${asked}`);
  await tab.click('a[href$="/rule"]');
  await tab.shows('A rule for the next time');
  const text = await tab.text();
  for (const fact of ['names = ["other.example"]', 'ports = [9090]', 'ask -> allow', 'Nothing is changed here']) { hold(text.includes(fact), `no ${fact} in ${text}`); }
  await looksWell(tab, 'rule');
  await tab.go(`${base}/q/${asked}`);
  await tab.click('button.deny');
  await reach.ends();

  writeFileSync(join(workspace, 'proposed'), rule('allow'));
  const change = start('run', '--', 'bash', '-c', 'cat proposed > .tollgate/policy.toml');
  const proposed = await one();
  await tab.go(`${base}/q/${proposed}`);
  await tab.shows('Change the policy');
  const shown = await tab.text();
  for (const fact of ['- net: deny', '+ net: allow', 'deny -> ask', 'once a person trusts it', 'deny -> allow']) { hold(shown.includes(fact), `no ${fact} in ${shown}`); }
  hold(!/approve for longer/i.test(shown), 'a change of policy can be approved for longer');
  await looksWell(tab, 'change');
  hold(readFileSync(policy, 'utf8') === rule('deny'), 'it was written before the answer');
  await tab.until('!document.querySelector("button.approve")?.disabled');
  await tab.click('button.approve');
  await tab.shows('Approved once');
  hold(await change.ends() === 0, 'it could not be written');
  hold(readFileSync(policy, 'utf8') === rule('allow'), 'it was not written');
}

await play('changes', story);
