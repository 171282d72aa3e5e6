// What a story needs besides the browser: a folder of its own, the program, runs that wait, and an end that leaves nothing.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { program, sleep } from './cdp.mjs';

if (!program) {
  console.error('no browser: install chromium, or name one in CHROMIUM');
  process.exit(77);
}

const tollgate = process.env.TOLLGATE || 'tollgate';
// Not in the temp directory: a run has one of its own there.
export const work = mkdtempSync(join(process.env.STORY_FOLDER || '/var/tmp', 'tollgate-story-'));
export const workspace = join(work, 'workspace');
const env = { PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: join(work, 'home'), TOLLGATE_STATE_DIR: join(work, 'state') };
for (const folder of [workspace, env.HOME]) { mkdirSync(folder, { recursive: true }); }

export const say = (text) => console.log(`\n== ${text}`);
export function hold(truth, what) { if (!truth) { throw new Error(what); } }
export const git = (...words) => execFileSync('git', words, { cwd: workspace, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
export const verb = (...words) => execFileSync(tollgate, words, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
/** What is to be done at the end, last first. */
export const ends = [];

const runs = [];

export function start(...words) {
  const child = spawn(tollgate, words, { cwd: workspace, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const run = { child, out: '', err: '' };
  child.stdout.on('data', (text) => { run.out += text; });
  child.stderr.on('data', (text) => { run.err += text; });
  const closed = new Promise((done) => { child.on('close', (status) => done(status)); });
  run.ends = async () => {
    const status = await Promise.race([closed, sleep(60_000).then(() => 'late')]);
    if (status === 'late') { throw new Error(`\`${words.join(' ')}\` does not end: ${run.err}`); }
    return status;
  };
  ends.push(() => child.kill('SIGTERM'));
  runs.push(run);
  return run;
}

export async function until(what, truth, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; !truth();) {
    if (Date.now() > end) { throw new Error(`not within ${seconds} s: ${what}`); }
    await sleep(20);
  }
}

/** Plays a story to its end, and ends the process: 1 where something was not as expected. */
export async function play(name, story) {
  let status = 0;
  try {
    await story();
    say('All as it should be');
  } catch (fault) {
    console.error(`\n${name}: ${fault.message}`);
    for (const { child, err } of runs) { console.error(`\n${child.spawnargs.join(' ')}\n${err}`); }
    console.error(verb('approvals', 'list'));
    status = 1;
  }
  for (const end of ends.reverse()) { await end(); }
  rmSync(work, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit(status);
}
