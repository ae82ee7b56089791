// Makes the tables sortable: a first click sorts up, a second down, a third restores. Without it they are as readable.
(() => {
  "use strict";
  const words = new Intl.Collator("en", { numeric: true });
  const next = { none: "ascending", ascending: "descending", descending: "none" };

  function number(cell) { // what a cell sorts by, or the number that it shows; NaN without one
    const text = cell.dataset.sort ?? cell.textContent.trim().replace("−", "-").replaceAll(",", "");
    return text === "" ? NaN : Number(text);
  }

  function comparison(column, numeric) {
    const cells = (row) => row.cells[column];
    if (!numeric) return (a, b) => words.compare(cells(a).textContent, cells(b).textContent);
    return (a, b) => number(cells(a)) - number(cells(b));
  }

  function sorted(rows, column, numeric, direction) {
    if (direction === "none") return rows;
    const empty = (row) => numeric && Number.isNaN(number(row.cells[column]));
    const compare = comparison(column, numeric);
    const sign = direction === "ascending" ? 1 : -1;
    const there = rows.filter((row) => !empty(row)).sort((a, b) => sign * compare(a, b));
    return there.concat(rows.filter(empty)); // what has no number comes last, whichever way
  }

  function prepare(table) {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = next[head.getAttribute("aria-sort")];
        heads.forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", direction);
        body.append(...sorted(rows, column, head.dataset.kind === "number", direction));
      });
    });
  }

  document.querySelectorAll("table.sortable").forEach(prepare);

  function reveal() { // a link to what is folded away
    const target = document.getElementById(location.hash.slice(1));
    const folds = [];
    for (let one = target; one; one = one.parentElement) if (one.matches("details:not([open])")) folds.push(one);
    folds.forEach((details) => { details.open = true; });
    if (folds.length) target.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
