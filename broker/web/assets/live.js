// Looks for news and shows the page anew; counts down; moves by keys. The page needs none of it.
'use strict';

const place = () => document.getElementById('live');
document.querySelectorAll('.keys').forEach((keys) => { keys.hidden = false; });

function count() {
  const now = Date.now();
  document.querySelectorAll('[data-until]').forEach((left) => {
    const seconds = Math.floor((Number(left.dataset.until) - now) / 1000);
    const tail = left.closest('.crumb') ? ' left, then it is refused' : ' left';
    const words = seconds >= 3600 ? `${Math.floor(seconds / 3600)}h ${Math.floor(seconds / 60) % 60}m`
      : seconds >= 60 ? `${Math.floor(seconds / 60)}m ${seconds % 60}s` : `${seconds}s`;
    left.textContent = seconds < 0 ? 'over: refused' : words + tail;
    left.classList.toggle('soon', seconds < 30);
  });
}

let asked = 0;

async function again() {
  const kind = place()?.dataset.live;
  const mine = ++asked;
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (mine !== asked) { return; } // a later look may have come back before this one
  const fresh = page.getElementById('live');
  const counted = page.querySelector('nav[aria-label="Pages"]');
  if (counted) { document.querySelector('nav[aria-label="Pages"]')?.replaceWith(counted); }
  if (!place()) { return; }
  if (kind === 'queue' && fresh) {
    const at = document.activeElement?.getAttribute('href');
    place().replaceWith(fresh);
    document.title = page.title;
    if (at) { document.querySelector(`#live a[href="${CSS.escape(at)}"]`)?.focus(); }
  } else if (kind === 'question' && fresh?.dataset.digest !== place().dataset.digest) {
    const told = document.createElement('p');
    told.className = 'notice';
    told.setAttribute('role', 'alert');
    told.textContent = fresh?.dataset.live === 'question' ? 'The question has changed. ' : 'This question is no longer open. ';
    const look = document.createElement('a');
    look.href = location.href;
    look.textContent = 'Show what came of it';
    told.append(look);
    place().querySelectorAll('.notice').forEach((old) => old.remove());
    place().querySelector('.answers')?.replaceWith(told);
  }
  count();
}

function focusCard(step) {
  const cards = [...document.querySelectorAll('a.card')];
  const at = cards.indexOf(document.activeElement);
  cards[Math.min(Math.max(at + step, 0), cards.length - 1)]?.focus();
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) { return; }
  const does = {
    j: () => focusCard(1),
    k: () => focusCard(-1),
    q: () => location.assign('/'),
    r: () => location.assign('/runs'),
    d: () => document.getElementById('word')?.focus(),
  }[event.key];
  if (does) { event.preventDefault(); does(); }
});

// The default answer has the focus where it does not take the facts out of sight.
if (matchMedia('(min-width: 52rem)').matches) { document.querySelector('[data-first]')?.focus({ preventScroll: true }); }
count();
setInterval(count, 1000);
const news = new EventSource('/live');
news.addEventListener('news', again);
