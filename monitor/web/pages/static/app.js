// Keeps the live parts of a page fresh and writes its times. Every page works without it.
"use strict";
(() => {
  const ACTIVE = 60e3, SOON = 3e3, LATER = 15e3;
  const tags = new Map(), written = new WeakMap();
  let moved = Date.now(), timer, local = false;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  try { local = localStorage.getItem("zone") === "local"; } catch { /* no storage: UTC on each page */ }

  const relative = (seconds) => {
    const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [0, "s"]].find(([least]) => Math.abs(seconds) >= least);
    const words = `${Math.floor(Math.abs(seconds) / (size || 1))} ${unit}`;
    return seconds < 0 ? `in ${words}` : `${words} ago`;
  };
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  const absolute = (at) => at.toLocaleString("sv-SE", local ? parts : { ...parts, timeZone: "UTC" });
  const put = (node, text) => { if (node && node.textContent !== text) node.textContent = text; };
  const writeTimes = () => all("time[datetime]").forEach((time) => {
    const at = new Date(time.dateTime);
    put(time.querySelector(".rel"), relative((Date.now() - at) / 1000));
    put(time.querySelector(".abs"), absolute(at));
  });

  // Rows that are known change in place; rows that are new or gone wait while a person is at the page.
  const show = (part, next) => {
    part.held = null;
    part.more.hidden = true;
    part.replaceChildren(...next.childNodes);
    writeTimes();
  };
  const keys = (root) => new Set(all("[data-key]", root).map((row) => row.dataset.key));
  const take = (part, html) => {
    const next = new DOMParser().parseFromString(html, "text/html").body;
    const before = keys(part), after = keys(next);
    const fresh = [...after].filter((key) => !before.has(key)).length;
    const gone = [...before].filter((key) => !after.has(key)).length;
    const watched = Date.now() - moved < ACTIVE || part.contains(document.activeElement);
    if (!watched) return show(part, next);
    if (!before.size && !after.size) return part.matches(":hover, :focus-within") || show(part, next);
    all("[data-key]", next).forEach((row) => {
      const old = part.querySelector(`[data-key="${CSS.escape(row.dataset.key)}"]`);
      const html = row.innerHTML;
      if (!old || old.contains(document.activeElement) || written.get(old) === html) return;
      written.set(old, html);
      old.className = row.className;
      old.innerHTML = html;
    });
    writeTimes();
    if (!fresh && !gone) return;
    part.held = next;
    put(part.more, fresh ? `${fresh} new` : `${gone} gone`);
    part.more.hidden = false;
  };
  const refresh = async (part) => {
    const url = new URL(location.href), tag = tags.get(part);
    url.searchParams.set("fragment", part.dataset.live);
    const answer = await fetch(url, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
    if (answer.status === 304) return Date.now() - moved < ACTIVE || !part.held || show(part, part.held);
    if (answer.status !== 200) throw new Error(answer.statusText);
    tags.set(part, answer.headers.get("ETag"));
    take(part, await answer.text());
  };
  const tick = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    let failed = false;
    for (const part of all("[data-live]")) await refresh(part).catch(() => { failed = true; tags.delete(part); });
    if (failed && stale.hidden) put(stale, `This page is not fresh any more: the monitor has not answered since ${absolute(new Date())}`);
    stale.hidden = !failed;
    writeTimes();
    timer = setTimeout(tick, Date.now() - moved < ACTIVE ? SOON : LATER);
  };

  const stale = document.createElement("p");
  Object.assign(stale, { className: "banner warn stale", hidden: true });
  stale.setAttribute("role", "status");
  document.body.append(stale);
  all("[data-live]").forEach((part) => {
    const more = document.createElement("button");
    Object.assign(more, { type: "button", className: "more", hidden: true });
    more.setAttribute("aria-live", "polite");
    more.addEventListener("click", () => part.held && show(part, part.held));
    part.before(more);
    part.more = more;
  });
  const zone = document.querySelector(".zone");
  const writeZone = () => { put(zone, local ? "Times: local" : "Times: UTC"); zone.setAttribute("aria-pressed", String(local)); writeTimes(); };
  zone.hidden = false;
  zone.addEventListener("click", () => {
    local = !local;
    try { localStorage.setItem("zone", local ? "local" : "utc"); } catch { /* this page only */ }
    writeZone();
  });
  const awake = () => { const slept = Date.now() - moved > ACTIVE; moved = Date.now(); if (slept) tick(); };
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(kind, awake, { passive: true });
  document.addEventListener("visibilitychange", tick);
  writeZone();
  timer = setTimeout(tick, SOON);
})();
