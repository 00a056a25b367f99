// Shows everything of a page: waits for its items, clicks "more", and puts replaced items back in
// the order in which they were shown.
async ({container, items, more, clicks, patience}) => {
  const all = () => [...document.querySelectorAll(items)];
  const key = (item) => item.id || item.href || item.outerHTML;
  const pause = (time) => new Promise((wake) => setTimeout(wake, time));
  const shown = () => all().map(key).join("\n");
  const until = async (test) => {
    const end = Date.now() + patience;
    while (!test() && Date.now() < end) await pause(50);
    // What comes in pieces is whole when no more has come for a moment.
    for (let before; before !== shown() && Date.now() < end; await pause(100)) before = shown();
    return test();
  };
  const usable = (button) =>
    !button.disabled && !button.hidden && getComputedStyle(button).display !== "none";
  const kept = new Map();
  const keep = () => all().forEach((item) => kept.set(key(item), item.outerHTML));

  await until(() => document.readyState === "complete");
  if (container && document.querySelector(container)) await until(() => all().length);
  keep();
  let clicked = 0;
  while (more && clicked < clicks) {
    const button = [...document.querySelectorAll(more)].find(usable);
    if (!button) break;
    // The page's own script answers the click; a link must not leave the page.
    button.addEventListener("click", (event) => event.preventDefault(), {once: true});
    const before = shown();
    button.click();
    clicked += 1;
    if (!await until(() => shown() !== before)) break;
    keep();
  }
  const now = all();
  const left = new Set(now.map(key));
  const gone = [...kept].filter(([name]) => !left.has(name)).map(([, html]) => html);
  if (now.length && gone.length) now[0].insertAdjacentHTML("beforebegin", gone.join(""));
  return clicked;
}
