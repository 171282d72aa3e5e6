#!/usr/bin/env node
// Questions of real runs, answered in a browser without a window: a push that is looked at and approved, one that is denied
// with a word, one that nobody answers, forty like ones with a switch each, two windows at once, all of it without a
// script, and by keys alone. Any step that is not as expected ends it with status 1; 77 where there is no browser.
// TOLLGATE names the program, PICTURES a folder for pictures of what was seen.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Browser } from './cdp.mjs';
import { ends, git, hold, play, say, start, until, verb, work, workspace } from './stage.mjs';

const bare = join(workspace, 'remote.git');
const pictures = process.env.PICTURES;
const pushed = () => { try { return git('--git-dir', bare, 'log', '-1', '--format=%s', 'main'); } catch { return ''; } };

async function story() {
  git('init', '-q', '-b', 'work', '.');
  git('init', '-q', '--bare', 'remote.git');
  for (const [name, value] of [['user.name', 'Ann'], ['user.email', 'ann@example.com']]) { git('config', name, value); }
  git('remote', 'add', 'origin', bare);
  writeFileSync(join(workspace, '.git/info/exclude'), 'remote.git\n');
  writeFileSync(join(workspace, 'main.rs'), 'fn main() {\n    println!("one");\n}\n');
  git('add', '.');
  git('commit', '-qm', 'begin');
  git('push', '-q', 'origin', 'HEAD:refs/heads/main');
  git('fetch', '-q', 'origin');
  writeFileSync(join(workspace, 'main.rs'), 'fn main() {\n    println!("two");\n    greet();\n}\n\nfn greet() {}\n');
  git('commit', '-qam', 'greet people');

  const page = start('web', '--listen', '127.0.0.1:0');
  await until('a link', () => page.out.includes('\n'));
  const link = page.out.trim();
  const base = new URL(link).origin;
  const browser = await Browser.start();
  ends.push(() => browser.end());
  const tab = await browser.tab();
  const push = ['git', 'push', 'origin', 'HEAD:refs/heads/main'];
  const picture = async (name) => { if (pictures) { await tab.picture(join(pictures, `${name}.png`)); } };

  say('The link lets the browser in, once; the queue is empty');
  await tab.go(link);
  await tab.shows('Nothing waits');
  const other = await browser.tab();
  await other.go(link);
  await other.shows('This page is private');

  say('A run pushes. It waits, and the question appears by itself');
  const began = Date.now();
  const first = start('run', '--name', 'the push', '--', ...push);
  await tab.shows('One question waits');
  console.log(`shown ${Date.now() - began} ms after the run was started`);
  await picture('queue');
  await tab.listens();
  await tab.key('j');
  await tab.key('Enter');
  await tab.shows('Approve once');
  for (const fact of ['git push origin HEAD:refs/heads/main', 'greet people', 'println!("two")', 'main.rs']) { await tab.shows(fact); }
  hold(pushed() === 'begin', 'it was pushed before anybody answered');
  await picture('question-light');
  await tab.look({ width: 1200, height: 850, scheme: 'dark' });
  await picture('question-dark');
  await tab.look({ width: 375, height: 740, scheme: 'light' });
  hold(await tab.value('document.documentElement.scrollWidth <= innerWidth'), 'it is wider than a phone');
  await picture('question-narrow');
  await tab.look({ width: 1200, height: 850, scheme: 'light' });

  say('It is approved once: the push happens, the ledger has it');
  await approve(tab);
  await tab.shows('Approved once');
  await picture('approved');
  hold(await first.ends() === 0, `the push failed: ${first.err}`);
  hold(pushed() === 'greet people', 'nothing was pushed');
  const decided = verb('ledger', 'list', '--event', 'decided', '--json');
  hold(/"channel": *"web"/.test(decided) && /"outcome": *"allowed"/.test(decided), `the ledger has it not: ${decided}`);
  verb('ledger', 'verify');

  say('The next is denied, with a word that the agent reads');
  git('commit', '-q', '--allow-empty', '-m', 'more');
  const second = start('run', '--', ...push);
  await tab.go(`${base}/`);
  await tab.shows('One question waits');
  await tab.click('a.card');
  await tab.shows('Approve once');
  await tab.listens();
  await tab.key('d');
  await tab.type('open a pull request instead');
  await tab.key('Enter');
  await tab.until('document.querySelector("h1")?.innerText.includes("Denied")');
  hold(await second.ends() !== 0 && second.err.includes('open a pull request instead'), `the agent was not told: ${second.err}`);
  hold(pushed() === 'greet people', 'it was pushed all the same');

  say('Nobody answers: silence is a refusal, and the open page says so');
  const hasty = join(work, 'hasty.toml');
  writeFileSync(hasty, 'version = 1\n[approvals]\ndeadline = 8\n');
  const third = start('run', '--policy', hasty, '--', ...push);
  await tab.go(`${base}/`);
  await tab.shows('One question waits');
  await tab.click('a.card');
  await tab.shows('then it is refused');
  await tab.shows('This question is no longer open');
  hold(await third.ends() !== 0 && third.err.includes('tollgate: refused'), third.err);
  await tab.click('.notice a');
  await tab.shows('Expired');

  say('Two windows answer at once: one counts, the other is told');
  const fourth = start('run', '--', ...push);
  const second_tab = await browser.tab();
  for (const window of [tab, second_tab]) {
    await window.go(`${base}/`);
    await window.shows('One question waits');
    await window.click('a.card');
    await window.shows('Approve once');
  }
  // Both have to be sent, so neither may notice the other.
  for (const window of [tab, second_tab]) { await window.until('document.querySelector(".approve") && getComputedStyle(document.querySelector(".approve")).visibility === "visible"'); }
  await Promise.all([tab, second_tab].map((window) => window.value('(document.querySelector("form.yes .approve").click(), 1)')));
  await Promise.all([tab, second_tab].map((window) => window.until('!document.querySelector("form.yes")')));
  const told = await Promise.all([tab.text(), second_tab.text()]);
  hold(told.some((text) => text.includes('Approved once')), told.join('\n'));
  hold(told.some((text) => text.includes('was not taken') || text.includes('sent already') || text.includes('no longer open')), told.join('\n'));
  hold(await fourth.ends() === 0, fourth.err);

  say('Forty like questions: one pile, a switch each');
  const many = join(work, 'many.toml');
  writeFileSync(many, 'version = 1\n[[command]]\neffect = "ask"\nprogram = ["true"]\nclass = "network"\nbecause = "a person looks at each first"\nmatches = ["true 1"]\n');
  const fifth = start('run', '--policy', many, '--', 'bash', '-c', 'for n in $(seq 40); do /usr/bin/true $n && echo done $n & done; wait');
  await tab.go(`${base}/`);
  await tab.shows('40 questions wait');
  await tab.until('document.querySelectorAll("a.card").length === 1');
  await tab.click('a.card');
  await tab.shows('40 like questions');
  hold(await tab.value('document.querySelectorAll("input[type=checkbox]:checked").length') === 40, 'not a switch each');
  await picture('group');
  await tab.click('.switches input[type=checkbox]');
  await tab.click('button.approve');
  await tab.shows('39 approved once each');
  await tab.go(`${base}/`);
  await tab.shows('One question waits');
  await tab.click('a.card');
  await tab.shows('Approve once');
  await tab.click('button.deny');
  await tab.shows('Denied');
  await fifth.ends();
  hold(fifth.out.trim().split('\n').length === 39, `not 39 of them ran: ${fifth.out}`);

  say('Without a script: read, denied, by keys alone');
  const sixth = start('run', '--', ...push);
  const plain = await browser.tab({ script: false });
  await until('a question', () => verb('approvals', 'list', '--json').includes('"id"'));
  await plain.go(`${base}/`);
  const question = JSON.parse(verb('approvals', 'list', '--json'))[0].id;
  await plain.go(`${base}/q/${question}`);
  hold((await plain.text()).includes('git push origin'), await plain.text());
  for (let tabs = 0; await plain.value('document.activeElement?.value') !== 'deny'; tabs += 1) {
    hold(tabs < 60, 'no key leads to Deny');
    await plain.key('Tab');
  }
  await plain.key('Enter');
  await plain.until('document.body.innerText.includes("Denied")');
  hold(await sixth.ends() !== 0, 'it was pushed all the same');

  say('Runs and the report');
  await tab.go(`${base}/runs`);
  await tab.shows('the push');
  await picture('runs');
  await tab.click('a.card');
  await tab.shows('What happened');
  await picture('run');
  await tab.go(`${base}/report`);
  await tab.shows('Who decided');
  await picture('report');
  hold(browser.faults.length === 0, `the browser complained: ${browser.faults.join('; ')}`);
  verb('ledger', 'verify');
}

/** Approves with what the question asks for: a moment, and a name where there is one. */
async function approve(tab) {
  const name = await tab.value('document.querySelector("label[for=confirm] code")?.innerText ?? ""');
  if (name) {
    await tab.value('document.getElementById("confirm").focus()');
    await tab.type(name);
  }
  await tab.until('getComputedStyle(document.querySelector(".approve")).visibility === "visible"');
  await tab.click('.approve');
}

await play('answer-in-a-browser', story);
