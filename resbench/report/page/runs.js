// Finds runs in their table by words, and shows two of them next to each other. Without it the table is as readable.
// A page has a table for each of its studies.
document.querySelectorAll(".runs").forEach((root, number, every) => {
  "use strict";
  const details = root.querySelector("details");
  const table = root.querySelector("table");
  const known = JSON.parse(root.querySelector("script").textContent);
  const rows = Array.from(table.tBodies[0].rows);
  const names = Array.from(table.tHead.rows[0].cells, (head) => head.textContent);
  const text = (fact, at) => (fact.of ? fact.texts[fact.of[at]] : fact.texts[at]) ?? "–";
  const plain = (words) => words.toLowerCase().replace(/[,\s]+/g, " ").trim();

  function element(tag, content, properties) {
    const one = Object.assign(document.createElement(tag), properties);
    one.append(...[content ?? []].flat());
    return one;
  }

  // what can be found of a run: its row, and its settings as `depth 34` and as `model.depth=34`
  function words(at) {
    const cells = Array.from(rows[at].cells, (cell) => cell.textContent);
    const seed = cells[names.indexOf("seed")];
    const found = known.facts.slice(0, known.axes).map((fact) => {
      const value = text(fact, at);
      return `${fact.path.split(".").pop().replaceAll("_", " ")} ${value} ${fact.path}=${value}`;
    });
    const reason = known.facts.filter((fact) => fact.path === "reason").map((fact) => text(fact, at));
    return ` ${plain([...cells, `seed ${seed} seed=${seed}`, ...found, ...reason].join(" "))} `;
  }

  let search = null; // made when the table is first seen
  function prepare() {
    if (search) return;
    search = rows.map((_, at) => words(at));
    rows.forEach((row, at) => {
      const box = element("input", null, { type: "checkbox", title: "compare this run with another" });
      box.setAttribute("aria-label", `compare run ${row.cells[0].textContent}`);
      box.addEventListener("change", () => choose(at, box.checked));
      row.cells[0].prepend(box);
    });
  }

  // a number and text in quotes must be there as they are, other words as a part of one
  function tests(query) {
    return Array.from(query.matchAll(/"([^"]*)"?|[^\s"]+/g), ([whole, quoted]) => {
      const wanted = plain(quoted ?? whole);
      const exact = quoted !== undefined || /^[-−+]?[\d.]+$/.test(wanted) || wanted.includes("=");
      return exact && wanted ? ` ${wanted} ` : wanted;
    });
  }

  function filter() {
    prepare();
    const wanted = tests(field.value);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !wanted.every((one) => search[at].includes(one));
      shown += !row.hidden;
    });
    count.value = shown === rows.length ? "" : `${shown} of ${rows.length} runs`;
  }

  const chosen = [];
  function choose(at, wanted) {
    if (wanted) chosen.push(at);
    else chosen.splice(chosen.indexOf(at), 1);
    while (chosen.length > 2) rows[chosen.shift()].querySelector("input").checked = false;
    pair.replaceChildren(...(chosen.length === 2 ? compared(...chosen) : chosen.length ? ["Choose a second run."] : []));
  }

  function clear() {
    chosen.splice(0).forEach((at) => { rows[at].querySelector("input").checked = false; });
    pair.replaceChildren();
  }

  // only what differs: the columns of the table, then what the rows do not show
  function compared(...both) {
    const columns = names.map((name, column) => [column === 1 ? "" : "run", name, both.map((at) => rows[at].cells[column].textContent)]);
    const facts = known.facts.map((fact) => [fact.group, fact.name ?? fact.path, both.map((at) => text(fact, at))]);
    const settings = facts.filter(([group]) => group === "setting");
    const rest = facts.filter(([group]) => group !== "setting");
    const differing = [...settings, ...columns.slice(2), ...rest].filter(([, , [a, b]]) => a !== b);
    const head = element("tr", ["what differs", ...both.map(label)].map((one) => element("th", one, { scope: "col" })));
    const body = differing.map(([, name, values]) =>
      element("tr", [element("th", name, { scope: "row" }), ...values.map((value) => element("td", value))]));
    const shown = element("table", [element("thead", head), element("tbody", body)]);
    const close = element("button", "Close", { type: "button", onclick: clear });
    const other = differing.length ? "All other settings, metrics and facts of their provenance are the same." : "No setting, metric or fact of their provenance differs.";
    return [element("div", shown, { className: "scroll" }), element("p", [`${other} `, close])];
  }

  function label(at) {
    const page = rows[at].cells[0].querySelector("a");
    const seed = rows[at].cells[names.indexOf("seed")].textContent;
    const name = `${rows[at].cells[1].textContent}, seed ${seed}`;
    return page ? element("a", name, { href: page.getAttribute("href") }) : name;
  }

  // `#runs=34%20layers+diverged` opens the table with these words
  function follow() {
    const [, wanted] = location.hash.match(/^#runs(?:=(.*))?$/) ?? [];
    if (!location.hash.startsWith("#runs")) return;
    if (wanted !== undefined) {
      const parts = wanted.split("+").filter(Boolean).map(decodeURIComponent);
      field.value = parts.map((part) => (/\s/.test(part) ? `"${part}"` : part)).join(" ");
    }
    details.open = true;
    filter();
    const found = Array.from(every).find((one) => one.querySelector(".sortable tbody tr:not([hidden])"));
    if (root === (found ?? every[0])) (number ? root : root.closest("section")).scrollIntoView();
  }

  const field = element("input", null, { type: "search", placeholder: "words that a run must have: 34 layers diverged" });
  const count = element("output");
  const pair = element("div", null, { className: "pair" });
  pair.setAttribute("aria-live", "polite");
  const find = element("p", [element("label", ["Filter ", field]), " ", count], { className: "find" });
  details.querySelector("summary").after(find, pair);
  field.addEventListener("input", filter);
  details.addEventListener("toggle", prepare);
  addEventListener("hashchange", follow);
  follow();
});
