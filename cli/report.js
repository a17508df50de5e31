// Sorting and filtering of the report page's tables (cli/report_html.c). The page says everything without it.
'use strict';
(() => {
  const text = (cell) => (cell ? cell.textContent.trim() : '');
  const number = (value) => Number(value.replace(/[,\s]|%$|^(under|over)/g, '') || NaN);
  const compare = (a, b) => {
    const x = number(a), y = number(b);
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, 'en', { numeric: true });
  };

  function sortBy(table, index, heading) {
    const body = table.tBodies[0];
    const down = heading.getAttribute('aria-sort') === 'ascending';
    const rows = [...body.rows].map((row) => [text(row.cells[index]), row]);
    rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
    for (const other of heading.parentNode.cells) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    body.append(...rows.map((row) => row[1]));
  }

  for (const table of document.querySelectorAll('table.sort')) {
    [...table.tHead.rows[0].cells].forEach((heading, index) => {
      if (!text(heading) || heading.classList.contains('b')) return;
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...heading.childNodes);
      button.addEventListener('click', () => sortBy(table, index, heading));
      heading.append(button);
    });
  }

  for (const table of document.querySelectorAll('table.filter-by')) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 8) continue;
    const label = document.createElement('label');
    const field = document.createElement('input');
    const shown = document.createElement('output');
    field.type = 'search';
    label.className = 'filter';
    label.append('Show rows with', field, shown);
    field.addEventListener('input', () => {
      const wanted = field.value.trim().toLowerCase();
      let count = 0;
      for (const row of rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
        count += !row.hidden;
      }
      shown.textContent = wanted ? `${count.toLocaleString('en')} of ${rows.length.toLocaleString('en')}` : '';
    });
    (table.closest('.scroll') || table).before(label);
  }
})();
