// Keeps a page live: asks for it again, and puts what changed in the place of what was.
"use strict";
(() => {
  const EVERY = 5000;
  const LOST_AFTER = 2;
  const lost = document.getElementById("lost");
  const said = document.getElementById("said");
  let failures = 0;
  let last = new Date();
  let timer = 0;

  const parts = (of) => [...of.querySelectorAll("[data-live]")];

  function take(page) {
    const ids = (of) => parts(of).map((it) => it.id).join();
    document.title = page.title;
    if (ids(document) !== ids(page)) {
      document.querySelector("main").replaceWith(page.querySelector("main"));
    }
    for (const part of parts(page)) {
      const old = document.getElementById(part.id);
      if (!old || old.isEqualNode(part)) continue;
      // Whoever is on a link with the keyboard stays on it.
      const href = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
      if (part.id === "verdict") said.textContent = part.textContent;
      old.replaceWith(part);
      if (href) [...part.querySelectorAll("a")].find((it) => it.getAttribute("href") === href)?.focus();
    }
  }

  async function look() {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
      // That something is not there (any more, or yet) is an answer.
      if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      failures = 0;
      last = new Date();
      lost.hidden = true;
    } catch {
      failures += 1;
      if (failures === LOST_AFTER) {
        lost.textContent = `The collector does not answer: what you see is of ${last.toLocaleTimeString()}.`;
        lost.hidden = false;
      }
    }
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, EVERY);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
  plan();
})();
