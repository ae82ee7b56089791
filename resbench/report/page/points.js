// Points of figures say what they stand for: on hover, on focus, and on a first tap, which leads on by a link.
// Without it they have the titles and links of the browser.
(() => {
  "use strict";
  const REACH = 16; // pixels around a point
  const tip = document.createElement("div");
  const ring = document.createElement("div"); // around the point that the tip is of
  tip.className = "tip";
  ring.className = "ring";
  tip.hidden = ring.hidden = true;
  let shown = null;

  function boxOf(link) { // on the screen, without the stroke that makes it large enough to hit
    const path = link.firstElementChild;
    const { x, y, width, height } = path.getBBox();
    const { a, d, e, f } = path.getScreenCTM();
    return { left: a * x + e, right: a * (x + width) + e, top: d * y + f, bottom: d * (y + height) + f };
  }

  function fill(link, tapped) {
    const [name, ...lines] = link.dataset.text.split("\n");
    const href = link.getAttribute("href");
    const run = href && href.match(/^runs\/(.+)\.html$/);
    const strong = document.createElement("strong");
    strong.textContent = name;
    tip.replaceChildren(strong);
    if (run) lines.push(`run ${run[1]}`);
    for (const text of lines) {
      const line = document.createElement("span");
      line.textContent = text;
      tip.append(line);
    }
    if (href && tapped) {
      const open = document.createElement("a");
      open.href = href;
      open.textContent = run ? "Open this run" : "Show the runs";
      tip.append(open);
    }
  }

  function place(link) {
    const box = boxOf(link);
    const room = box.right > box.left ? 1 : 7; // around a field, and around a point
    ring.style.left = `${box.left + scrollX - room}px`;
    ring.style.top = `${box.top + scrollY - room}px`;
    ring.style.width = `${box.right - box.left + 2 * room}px`;
    ring.style.height = `${box.bottom - box.top + 2 * room}px`;
    const wide = document.documentElement.clientWidth;
    const middle = (box.left + box.right) / 2;
    const left = Math.max(8, Math.min(middle - tip.offsetWidth / 2, wide - tip.offsetWidth - 8));
    const above = box.top - tip.offsetHeight - 12;
    const top = above > 4 ? above : box.bottom + 12;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${top + scrollY}px`;
  }

  function show(link, tapped = false) {
    if (shown !== link) hide();
    shown = link;
    link.classList.add("near"); // its own hit area: clicks of any button are the browser's
    fill(link, tapped);
    tip.classList.toggle("tapped", tapped);
    tip.hidden = ring.hidden = false;
    place(link);
  }

  function hide() {
    if (shown) shown.classList.remove("near");
    shown = null;
    tip.hidden = ring.hidden = true;
  }

  function distance(box, x, y) {
    return Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom));
  }

  function nearest(links, x, y) {
    let found = null;
    let least = REACH;
    for (const link of links) {
      const size = /^runs\//.test(link.getAttribute("href")) ? 0 : 2; // a mean lies over its seeds and is larger
      const away = Math.max(distance(boxOf(link), x, y) - size, 0);
      if (away < least) [found, least] = [link, away];
    }
    return found;
  }

  function move(links, event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = links.indexOf(event.target.closest(".marks > *")) + step;
    if (event.key === "Escape") hide();
    if (!(next in links)) return;
    event.preventDefault();
    links.forEach((link, number) => { link.tabIndex = number === next ? 0 : -1; });
    links[next].focus();
  }

  function prepare(marks) {
    const links = Array.from(marks.children);
    links.forEach((link, number) => {
      const title = link.querySelector("title");
      link.dataset.text = title.textContent;
      link.setAttribute("aria-label", title.textContent.replaceAll("\n", ", "));
      title.remove(); // or the browser would show it as well
      link.tabIndex = number ? -1 : 0; // one stop for the tab key in each figure; arrows go on from there
      link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link); });
      link.addEventListener("blur", () => { if (shown === link && !tip.classList.contains("tapped")) hide(); });
      if (!link.href) link.setAttribute("role", "img");
    });
    const plot = marks.ownerSVGElement;
    let touch = false;
    marks.classList.add("scripted");
    plot.addEventListener("keydown", (event) => move(links, event));
    plot.addEventListener("pointerdown", (event) => { touch = event.pointerType === "touch"; });
    plot.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const link = nearest(links, event.clientX, event.clientY);
      if (!link) hide();
      else if (link !== shown) show(link);
    });
    plot.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") hide(); });
    plot.addEventListener("click", (event) => {
      if (!touch) return;
      const link = nearest(links, event.clientX, event.clientY);
      event.preventDefault();
      if (link) show(link, true);
      else hide();
    });
  }

  document.body.append(ring, tip);
  document.querySelectorAll("g.marks").forEach(prepare);
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest(".plot svg, .tip")) hide(); });
  addEventListener("beforeprint", hide);
})();
