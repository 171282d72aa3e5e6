#!/usr/bin/env node
// What the sandbox wrote, on the page in a real browser: words, commits, names and content of files that would be markup,
// scripts, steering codes of terminals, text that runs backwards. And other sites in the same browser that try to read
// the page, to post to it, to show it in a frame. Ends with 1 where any of it gets through; 77 where there is no browser.
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Browser } from '../../../examples/answer-in-a-browser/cdp.mjs';
import { ends, git, hold, play, start, until, verb, work, workspace } from '../../../examples/answer-in-a-browser/stage.mjs';

const pictures = process.env.PICTURES;
const MARKUP = '<script>window.got=1</script><img src=x onerror="window.got=2"><svg onload="window.got=3"></textarea></code><style>*{display:none}</style><a href="javascript:window.got=4">k</a><form action=/q><meta http-equiv=refresh content="0;url=http://evil.example/">';
const CODES = '\u001b[2J\u0007\u202e\u2066\u200b\u200d\ufeff\u00ad\u009b31m\u2028\u0085\r\nApproved: yes';
const LOOKS = '\u0440\u0430ypal.example';
// What may be in no text that a person reads.
const STRAY = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/u;

async function isText(tab, where) {
  const { text, title, got, odd } = await tab.value(`(() => {
    document.querySelectorAll('details').forEach((it) => { it.open = true; });
    const odd = 'script:not([src^="/assets/"]), img:not([src^="/assets/"]), svg:not([viewBox]), style, iframe, object, embed, base, meta[http-equiv], a[href^="javascript"], a[href*="evil"], form:not([action^="/q/"]):not([action="/leave"]):not([action^="/g/"]):not([action="/grants"]), [onerror], [onload], [style]';
    return { text: document.body.innerText, title: document.title, got: window.got ?? null, odd: [...document.querySelectorAll(odd)].map((it) => it.outerHTML.slice(0, 200)) };
  })()`);
  hold(got === null, `${where}: a script of the sandbox ran: ${got}`);
  hold(odd.length === 0, `${where}: markup of the sandbox: ${odd.join('\n')}`);
  for (const [name, shown] of [['text', text], ['title', title]]) {
    const stray = STRAY.exec(shown);
    hold(!stray, `${where}: ${name} holds U+${stray?.[0].codePointAt(0).toString(16)}: ${JSON.stringify(shown.slice(Math.max(0, (stray?.index ?? 0) - 40), (stray?.index ?? 0) + 40))}`);
  }
  return text;
}

/** A site of its own, which does what it is told to on being visited. */
async function site(body) {
  const server = createServer((request, reply) => { reply.setHeader('content-type', 'text/html'); reply.end(body()); });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  ends.push(() => server.close());
  return server.address().port;
}

async function story() {
  git('init', '-q', '-b', 'work', '.');
  git('init', '-q', '--bare', 'remote.git');
  for (const [name, value] of [['user.name', `Ann ${MARKUP}`], ['user.email', 'ann@example.com\u202e']]) { git('config', name, value); }
  git('remote', 'add', 'origin', join(workspace, 'remote.git'));
  writeFileSync(join(workspace, '.git/info/exclude'), 'remote.git\n');
  const folder = join(workspace, `a ${CODES.replace(/[\r\n]/g, '')}`);
  mkdirSync(folder);
  writeFileSync(join(folder, `gpj.${LOOKS}\u202e<img src=x onerror=window.got=5>`), `${MARKUP}\n${CODES}\n</pre></div>\n`);
  git('add', '.');
  git('commit', '-qm', `${MARKUP}${CODES}`);
  const asks = join(work, 'asks.toml');
  writeFileSync(asks, 'version = 1\n[[command]]\neffect = "ask"\nprogram = ["factor"]\nbecause = "hard sums"\nmatches = ["factor 6"]\n');

  const page = start('web', '--listen', '127.0.0.1:0');
  await until('a link', () => page.out.includes('\n'));
  const link = page.out.trim();
  const base = new URL(link).origin;
  const browser = await Browser.start();
  ends.push(() => browser.end());
  const tab = await browser.tab();
  await tab.go(link);
  await tab.shows('Nothing waits');

  const words = start('run', '--policy', asks, '--name', `n${MARKUP}`, '--', 'factor', MARKUP, CODES, LOOKS, 'x'.repeat(3000));
  const push = start('run', '--', 'git', 'push', 'origin', 'HEAD:refs/heads/main');
  await tab.shows('2 questions wait');
  const queue = await isText(tab, 'the queue');
  hold(queue.includes('hard sums') && queue.includes('git push'), queue);
  const open = JSON.parse(verb('approvals', 'list', '--json'));
  for (const { id, run } of open) {
    for (const path of [`/q/${id}`, `/runs/${run}`, '/runs', '/grants', '/report']) {
      await tab.go(`${base}${path}`);
      const text = await isText(tab, path);
      if (path.startsWith('/q/') && text.includes('hard sums')) {
        hold(text.includes('\\x1b[2J') && text.includes('\\U0000202e') && text.includes('<script>window.got=1</script>'), `not shown as text: ${text}`);
        hold(/mixes letters of several scripts/i.test(text), `letters that look like others are not told: ${text}`);
      }
      const cut = await tab.value('[...document.querySelectorAll(".prefix button")].map((it) => it.innerText).filter((it) => it.includes("\u2026")).join("; ")');
      hold(!cut, `a prefix is offered that can't be read: ${cut}`);
      if (path.startsWith('/q/') && text.includes('pushing')) {
        hold(text.includes('<script>window.got=1</script>') && !text.includes('\nApproved: yes'), `not shown as text: ${text}`);
      }
      if (path.startsWith('/q/') && pictures) {
        const name = text.includes('hard sums') ? 'words' : 'push';
        await tab.picture(join(pictures, `hostile-${name}.png`));
        await tab.look({ width: 375, height: 740, scheme: 'dark' });
        await tab.picture(join(pictures, `hostile-${name}-narrow-dark.png`));
      }
      await tab.look({ width: 375, height: 740, scheme: 'light' });
      const wide = await tab.value('document.documentElement.scrollWidth - innerWidth');
      hold(wide <= 0, `${path}: ${wide} pixels wider than a phone`);
      await tab.look({ width: 1200, height: 850, scheme: 'light' });
    }
  }

  // Another site, in the browser that is let in: it has the cookie at hand, and gets nothing. Once as a stranger, once
  // from another port of this very address: to such a site the browser gives the cookie along.
  const id = open.find((one) => JSON.stringify(one).includes('hard sums')).id;
  const reader = await site(() => `<title>evil</title><iframe id=frame src="${base}/q/${id}"></iframe><script>
    window.tried = (async () => {
      const told = [];
      for (const how of [{}, { credentials: 'include' }, { mode: 'no-cors', credentials: 'include' }]) {
        try { const it = await fetch('${base}/q/${id}', how); told.push('read ' + it.type + (await it.text()).length); } catch (e) { told.push('none'); }
        try { const it = await fetch('${base}/q/${id}', { ...how, method: 'POST', body: new URLSearchParams({ answer: 'once' }) }); told.push('post ' + it.type + it.status); } catch (e) { told.push('none'); }
      }
      return told;
    })();
  </script>`);
  const poster = await site(() => `<title>evil</title><form id=f method=post action="${base}/q/${id}"><input name=answer value=once></form><script>document.getElementById('f').submit()</script>`);
  const bad = await browser.tab();
  for (const host of ['localhost', '127.0.0.1']) {
    await bad.go(`http://${host}:${reader}/`);
    const told = await bad.value('window.tried');
    hold(told.every((what) => ['none', 'read opaque0', 'post opaque0'].includes(what)), `${host} read or posted: ${told}`);
    hold(await bad.value('(() => { try { return document.getElementById("frame").contentDocument?.body?.innerText.length ?? 0; } catch { return 0; } })()') === 0, 'the frame can be read');
    // A form that a person is led to: the browser itself goes to the page, and says whose form it was.
    await bad.send('Page.navigate', { url: `http://${host}:${poster}/` });
    await bad.until(`location.origin === ${JSON.stringify(base)} && document.readyState === "complete"`);
    hold(!/approved once/i.test(await bad.text()), await bad.text());
    // A link with a ready answer shows the question at most.
    await bad.go(`${base}/q/${id}?answer=once&confirm=factor`);
    const still = JSON.parse(verb('approvals', 'list', '--json'));
    hold(still.length === 2, `${host} answered: ${JSON.stringify(still.map((one) => one.id))}`);
  }
  // A name that is led to this machine is another site, whatever it resolves to.
  const led = await browser.tab();
  await led.send('Page.navigate', { url: `http://localhost:${new URL(base).port}/q/${id}` });
  await led.until('document.readyState === "complete"');
  hold(!(await led.text()).includes('hard sums'), `the page is served to another name: ${await led.text()}`);

  await tab.go(`${base}/q/${id}`);
  await tab.until('document.getElementById("word")');
  await tab.value('document.getElementById("word").focus()');
  await tab.type('</code><script>window.got=6</script>\u202e');
  await tab.click('button.deny');
  await tab.shows('Denied');
  await isText(tab, 'what came of it');
  hold(await words.ends() !== 0, 'it was run all the same');
  await tab.go(`${base}/q/${id}`);
  await tab.shows('through web');
  await isText(tab, 'the closed question');
  verb('approvals', 'deny', open.find((one) => one.id !== id).id);
  await push.ends();
  // What the other sites were refused is what the browser complains of, and nothing else.
  const faults = browser.faults.filter((fault) => !/frame-ancestors|CORS policy/.test(fault));
  hold(faults.length === 0, `the browser complained: ${faults.join('; ')}`);
  verb('ledger', 'verify');
}

await play('hostile', story);
