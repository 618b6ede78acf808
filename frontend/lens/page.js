// page.js - draws the parts of a page from the JSON in its element "data".
//
// Each kind of figure has a function that gives its element and a list of stops: places that the
// pointer or the arrow keys can come to, and of which the card tells the details.
'use strict';
(() => {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const painters = []; // called at first, and when the scheme changes
  const fail = error => { root.dataset.error = String(error); };
  addEventListener('error', event => fail(event.message));

  // ---- elements ----

  function element(name, attributes, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }

  function drawn(name, attributes, text) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // ---- texts and numbers ----

  // Spaces at the ends, and what has no shape anywhere, as signs.
  const signs = {'\n': '\u21b5', '\r': '\u240d', '\t': '\u21e5', '\u00a0': '\u237d', '\u200b': '\u2205', '\u2028': '\u21b5', '\u2029': '\u00b6'};
  function visible(text) {
    const ends = text.replace(/^ +| +$/g, spaces => '\u00b7'.repeat(spaces.length));
    return ends.replace(/[\u0000-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, c =>
      signs[c] || (c < '\u0100' ? '\\x' : '\\u') + c.codePointAt(0).toString(16).padStart(2, '0'));
  }

  function number(value, digits = 4) {
    if (value === null || value === undefined || Number.isNaN(value)) return 'no value';
    if (value === 0) return '0';
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e6) return String(value).replace('-', '\u2212');
    const text = size >= 1e5 || size < 1e-4 ? value.toExponential(digits - 1)
      : Number(value.toPrecision(digits)).toString();
    return text.replace(/-/g, '\u2212').replace('e+', 'e');
  }

  // What fits a cell, with as many places as the largest of them needs: "0.64", "\u22121.20", "31".
  function shortNumber(value, most) {
    const places = most >= 100 ? 0 : most >= 10 ? 1 : most >= .1 ? 2 : 1 - Math.floor(Math.log10(most || 1));
    if (value === 0 || Number.isInteger(value) && places < 2) return String(value).replace('-', '\u2212');
    if (places > 5 || Math.abs(value) >= 1e5) return value.toExponential(0).replace(/-/g, '\u2212').replace('e+', 'e');
    return value.toFixed(places).replace(/^-(?=0\.?0*$)/, '').replace('-', '\u2212');
  }

  // ---- colours: lightness goes one way with the value, so that they can be read as greys ----

  const mix = (a, b, t) => a + (b - a) * t;
  function sequential(t) {
    return dark.matches ? [mix(.235, .84, t), mix(.018, .105, Math.sin(t * 2.2)), mix(262, 205, t)]
      : [mix(.972, .36, t), mix(.012, .12, Math.sin(t * 2.1)), mix(222, 268, t)];
  }
  function diverging(t) { // -1 to 1
    const size = Math.abs(t), hue = t < 0 ? 255 : 50;
    return dark.matches ? [mix(.25, t < 0 ? .72 : .8, size), mix(.008, .125, size), hue]
      : [mix(.972, t < 0 ? .43 : .52, size), mix(.005, .135, size), hue];
  }
  const css = ([l, c, h]) => `oklch(${l.toFixed(4)} ${c.toFixed(4)} ${h.toFixed(1)})`;
  const inkOn = ([l]) => l < .63 ? '#fff' : '#10151b';

  // Where a value stands on its map's scale; null: it is none.
  function placed(map, value) {
    if (value === null || map.least === null) return null;
    if (map.scale === 'ranks') return map.most > 1 ? 1 - Math.log(Math.max(1, value)) / Math.log(map.most) : 1;
    const range = map.most - map.least;
    const t = range > 0 ? Math.min(1, Math.max(0, (value - map.least) / range)) : .5;
    return map.scale === 'diverging' ? 2 * t - 1 : t;
  }
  const shade = (map, t) => map.scale === 'diverging' ? diverging(t) : sequential(t);

  // ---- the card ----

  const card = element('div', {id: 'card', role: 'tooltip', hidden: ''});
  const spoken = element('div', {class: 'unseen', 'aria-live': 'polite'});

  let told = null; // the box of what the card tells of, as a function

  function hide() { card.hidden = true; told = null; }

  function show(inside, box) {
    card.replaceChildren(...inside);
    card.hidden = false;
    told = box;
    place();
  }

  // Above what is told of, or below, where there is room.
  function place() {
    if (!told) return;
    const box = told();
    const own = card.getBoundingClientRect(), gap = 9;
    const left = Math.min(Math.max(gap, box.left + box.width / 2 - own.width / 2), innerWidth - own.width - gap);
    const above = box.top - own.height - gap;
    card.style.left = `${Math.max(gap, left)}px`;
    card.style.top = `${above >= gap ? above : Math.min(box.bottom + gap, Math.max(gap, innerHeight - own.height - gap))}px`;
  }

  function entries(list, most) {
    const rows = list.map(([label, value, text]) => element('tr', {},
      element('td', {}, visible(label)), element('td', {}, text ?? number(value)),
      ...(most > 0 ? [element('td', {class: 'share'}, share(value / most))] : [])));
    return element('table', {}, ...rows);
  }
  function share(part) {
    const bar = element('i');
    bar.style.width = `${Math.max(0, Math.min(1, part)) * 100}%`;
    return bar;
  }

  // Stops of one figure: each {mark(is_at), box(), card(), element or nothing}; `move(index, key)` is where a key leads.
  // Of them one has the figure's place in the order of tabs.
  function stops(host, count, stop, move) {
    let at = -1;
    const leave = () => { if (at >= 0) stop(at).mark(false); at = -1; hide(); };
    const go = (index, is_key) => {
      if (at >= 0 && at !== index) stop(at).mark(false);
      at = index;
      const here = stop(at);
      here.mark(true);
      const inside = here.card();
      if (is_key && here.element) here.element.scrollIntoView({block: 'nearest', inline: 'nearest'});
      show(inside, here.box);
      if (is_key) spoken.textContent = inside.map(part => part.textContent).join(', ');
    };
    host.tabIndex = 0;
    host.addEventListener('focus', () => { if (at < 0 && host.matches(':focus-visible') && count()) go(0, true); });
    host.addEventListener('blur', leave);
    host.addEventListener('pointerleave', leave);
    host.addEventListener('keydown', event => {
      if (event.key === 'Escape') return leave();
      const next = move(Math.max(at, 0), event.key);
      if (next === null || next < 0 || next >= count()) return;
      event.preventDefault();
      go(next, true);
    });
    return go;
  }

  // Keys in a grid whose row 0 may stand at the bottom.
  const gridMove = (rows, columns, upward) => (index, key) => {
    const row = Math.floor(index / columns), column = index % columns;
    const step = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [upward ? 1 : -1, 0],
      ArrowDown: [upward ? -1 : 1, 0], Home: [0, -column], End: [0, columns - 1 - column]}[key];
    if (!step) return null;
    const [r, c] = [row + step[0], column + step[1]];
    return r < 0 || c < 0 || r >= rows || c >= columns ? null : r * columns + c;
  };

  // ---- heat maps ----

  const MOST_CELLS = 6000;
  const rowLabel = (map, row) => map.rowLabels ? map.rowLabels[row] ?? '' : String(row);
  const columnLabel = (map, column) => map.columnLabels ? map.columnLabels[column] ?? '' : String(column);

  function mapCard(map, index) {
    const row = Math.floor(index / map.columns), column = index % map.columns, value = map.values[index];
    const where = [[map.row, rowLabel(map, row)], [map.column, columnLabel(map, column)]]
      .map(([name, label]) => `${name ? name + ' ' : ''}${visible(label)}`).join(', ');
    const text = map.texts && map.texts[index];
    const inside = [element('div', {class: 'where'}, where)];
    if (text) inside.push(element('div', {class: 'what'}, visible(text)));
    inside.push(element('div', {class: text ? '' : 'what'}, `${map.name ? map.name + ' ' : ''}${number(value)}`));
    const list = (map.details || []).slice(index * map.detailCount, (index + 1) * map.detailCount).filter(entry => entry);
    if (list.length && map.detailName) inside.push(element('div', {class: 'where'}, map.detailName));
    if (list.length) {
      const positive = list.every(entry => entry[1] >= 0 && entry[2] === undefined);
      inside.push(entries(list, positive ? Math.max(...list.map(entry => entry[1])) : 0));
    }
    return inside;
  }

  function key(map) {
    const ramp = element('span', {class: 'ramp', 'aria-hidden': 'true'});
    const steps = 48;
    for (let i = 0; i < steps; i++) ramp.append(element('i'));
    painters.push(() => [...ramp.children].forEach((part, i) => {
      const t = i / (steps - 1);
      part.style.background = css(shade(map, map.scale === 'diverging' ? 2 * t - 1 : map.scale === 'ranks' ? 1 - t : t));
    }));
    const made = element('div', {class: 'key'}, map.name ? element('span', {}, map.name) : '',
      element('span', {}, number(map.least, 3)), ramp, element('span', {}, number(map.most, 3)));
    if (map.values.includes(null) && !map.small) made.append(element('span', {class: 'none'}), 'no value');
    return made;
  }

  function cells(map) {
    const order = [...Array(map.rows).keys()];
    if (map.upward) order.reverse();
    const heads = element('tr', {}, element('th', {class: 'corner'}));
    for (let c = 0; c < map.columns; c++)
      heads.append(element('th', {scope: 'col', title: visible(columnLabel(map, c))}, visible(columnLabel(map, c))));
    const cell = [], largest = Math.max(0, ...map.values.map(value => Math.abs(value ?? 0)));
    const rows = order.map(r => {
      const row = element('tr', {}, element('th', {scope: 'row'}, visible(rowLabel(map, r))));
      for (let c = 0; c < map.columns; c++) {
        const index = r * map.columns + c, value = map.values[index];
        const text = map.texts ? map.texts[index] : value === null ? '' : shortNumber(value, largest);
        const made = element('td', {}, text === null || text === undefined ? '' : visible(text));
        made.dataset.index = index;
        cell[index] = made;
        row.append(made);
      }
      return row;
    });
    const body = element('tbody', {}, ...(map.upward ? [...rows, heads] : [heads, ...rows]));
    const table = element('table', {'aria-label': map.title || ''}, body);
    painters.push(() => cell.forEach((made, index) => {
      const t = placed(map, map.values[index]);
      made.classList.toggle('none', t === null);
      const colour = t === null ? null : shade(map, t);
      made.style.background = colour ? css(colour) : '';
      made.style.color = colour ? inkOn(colour) : '';
    }));
    const go = stops(table, () => cell.length, index => ({
      mark: is_at => cell[index].classList.toggle('at', is_at),
      box: () => cell[index].getBoundingClientRect(),
      element: cell[index],
      card: () => mapCard(map, index),
    }), gridMove(map.rows, map.columns, map.upward));
    table.addEventListener('pointerover', event => {
      const on = event.target.closest('td[data-index]');
      if (on) go(Number(on.dataset.index));
    });
    return [table, go];
  }

  // Labels beside a picture, as many as there is room for.
  function labels(map, size, width, host, gap) {
    const every = Math.ceil(13 / size), wide = Math.max(1, Math.ceil(26 / size));
    for (let r = 0; r < map.rows; r += every) {
      const label = element('span', {class: 'label'}, visible(rowLabel(map, r)));
      const top = (map.upward ? map.rows - 1 - r : r) * size + size / 2 - 6;
      label.style.cssText = `right:calc(100% + 6px);top:${top}px;text-align:right`;
      host.append(label);
    }
    for (let c = 0; c < map.columns; c += wide) {
      const label = element('span', {class: 'label'}, visible(columnLabel(map, c)));
      label.style.cssText = `left:${c * size}px;max-width:${wide * size - 3}px;${map.upward ? `top:calc(100% + 5px)` : `bottom:calc(100% + 5px)`}`;
      host.append(label);
    }
    host.style.margin = map.upward ? `2px 2px 20px ${gap}px` : `20px 2px 2px ${gap}px`;
  }

  function picture(map) {
    const longest = Math.max(...[...Array(map.rows).keys()].map(r => visible(rowLabel(map, r)).length));
    const gap = Math.min(9 + longest * 6.6, 110), room = map.small ? 210 : Math.min(1000, innerWidth - 60);
    const size = Math.max(map.small ? 1 : 3, Math.min(28, Math.floor((room - gap) / map.columns)));
    const width = map.columns * size, height = map.rows * size, fine = devicePixelRatio || 1;
    const canvas = element('canvas', {role: 'img', 'aria-label': map.title || ''});
    canvas.width = width * fine;
    canvas.height = height * fine;
    canvas.style.cssText = `width:${width}px;height:${height}px`;
    const cursor = element('span', {class: 'cursor', hidden: ''});
    const host = element('div', {class: 'picture'}, canvas, cursor);
    host.style.width = `${width}px`;
    labels(map, size, width, host, gap);
    const corner = index => [index % map.columns * size,
      (map.upward ? map.rows - 1 - Math.floor(index / map.columns) : Math.floor(index / map.columns)) * size];
    painters.push(() => {
      const ink = canvas.getContext('2d');
      ink.setTransform(fine, 0, 0, fine, 0, 0);
      ink.clearRect(0, 0, width, height);
      const space = size >= 8 ? 1 : 0;
      map.values.forEach((value, index) => {
        const t = placed(map, value), [x, y] = corner(index);
        if (t === null) return;
        const colour = shade(map, t);
        ink.fillStyle = css(colour);
        ink.fillRect(x, y, size - space, size - space);
        if (map.scale !== 'diverging' || t >= -.08 || size < 6) return;
        ink.fillStyle = inkOn(colour); // below 0, whoever sees no colours
        ink.fillRect(x + size * .3, y + size / 2 - .6, size * .4 - space, 1.2);
      });
    });
    const go = stops(canvas, () => map.values.length, index => ({
      mark: is_at => {
        const [x, y] = corner(index);
        cursor.hidden = !is_at;
        cursor.style.cssText = `left:${x - 2}px;top:${y - 2}px;width:${size + 3}px;height:${size + 3}px`;
      },
      box: () => {
        const all = canvas.getBoundingClientRect(), [x, y] = corner(index);
        return new DOMRect(all.left + x, all.top + y, size, size);
      },
      card: () => mapCard(map, index),
    }), gridMove(map.rows, map.columns, map.upward));
    canvas.addEventListener('pointermove', event => {
      const all = canvas.getBoundingClientRect();
      const column = Math.floor((event.clientX - all.left) / size), drawn = Math.floor((event.clientY - all.top) / size);
      const row = map.upward ? map.rows - 1 - drawn : drawn;
      if (column >= 0 && row >= 0 && column < map.columns && row < map.rows) go(row * map.columns + column);
    });
    return [host, go];
  }

  // Words need wider cells than numbers, and letters do not.
  const is_worded = map => (map.texts || []).some(text => text && visible(text).length > 3);

  function drawMap(map) {
    const is_picture = map.small || map.rows * map.columns > MOST_CELLS;
    const [inside, go] = is_picture ? picture(map) : cells(map);
    const along = element('div', {class: 'axis along'}, map.column || '');
    const grid = element('div', {}, ...(map.upward || is_picture ? [inside, along] : [along, inside]));
    const host = element('div', {class: is_worded(map) ? 'map worded' : 'map'},
      ...(map.row ? [element('div', {class: 'axis across'}, map.row)] : []), grid);
    return [[element('div', {class: 'scroll'}, host), key(map)], go];
  }

  // ---- bars ----

  function drawBars(part) {
    const values = part.bars.map(bar => bar ? bar[1] ?? 0 : 0);
    const least = Math.min(0, ...values), most = Math.max(0, ...values), range = most - least || 1;
    const scale = 100 / range, zero = -least * scale; // per cent; numbers stand beside, in the track's margins
    const host = element('div', {class: least < 0 ? 'bars signed' : 'bars', role: 'group', 'aria-label': part.title || ''}), bars = [];
    host.style.setProperty('--zero', `${zero}%`);
    const add = index => {
      const [label, value, text] = part.bars[index] || ['', 0];
      const size = Math.abs(value ?? 0) * scale, shape = element('i', {class: value < 0 ? 'minus' : 'plus'});
      shape.style.cssText = value < 0 ? `right:${100 - zero}%;width:${size}%` : `left:${zero}%;width:${size}%`;
      const said = element('span', {}, number(value));
      said.style.cssText = value < 0 ? `right:${100 - zero + size}%` : `left:${zero + size}%`;
      const bar = element('div', {class: 'bar'}, element('span', {class: 'name'}, visible(label)),
        element('span', {class: 'track'}, shape, said));
      bar.dataset.index = index;
      bars[index] = bar;
      host.append(bar);
    };
    const shown = Math.min(part.shown, part.bars.length);
    for (let i = 0; i < shown; i++) add(i);
    const go = stops(host, () => bars.length, index => ({
      mark: is_at => bars[index].classList.toggle('at', is_at),
      box: () => bars[index].querySelector('i').getBoundingClientRect(),
      element: bars[index],
      card: () => {
        const [label, value, text] = part.bars[index];
        return [element('div', {class: 'where'}, visible(label)),
          element('div', {class: 'what'}, `${part.name ? part.name + ' ' : ''}${number(value, 6)}`),
          ...(text ? [element('div', {}, text)] : [])];
      },
    }), (index, pressed) => ({ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: bars.length - 1})[pressed] ?? null);
    host.addEventListener('pointerover', event => {
      const on = event.target.closest('.bar');
      if (on) go(Number(on.dataset.index));
    });
    const inside = [host];
    if (shown < part.bars.length) {
      const more = element('button', {type: 'button'}, `Show all ${part.bars.length}`);
      more.addEventListener('click', () => {
        for (let i = shown; i < part.bars.length; i++) add(i);
        more.remove();
      });
      inside.push(more);
    }
    return [inside, go];
  }

  // ---- plots ----

  function steps(least, most, count) {
    const rough = (most - least) / count || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough);
    const made = [];
    for (let i = Math.ceil(least / step - 1e-9); i * step <= most + step * 1e-9; i++) made.push(i * step);
    return made;
  }

  const marks = [
    (x, y) => `M${x - 3.2} ${y}a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z`,
    (x, y) => `M${x - 3} ${y - 3}h6v6h-6z`,
    (x, y) => `M${x} ${y - 4}l3.8 6.6h-7.6z`,
    (x, y) => `M${x} ${y - 4.2}l4.2 4.2l-4.2 4.2l-4.2 -4.2z`,
    (x, y) => `M${x} ${y + 4}l3.8 -6.6h-7.6z`,
    (x, y) => `M${x - 3.8} ${y - 1.2}h2.6v-2.6h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6z`,
  ];
  const dashes = ['none', '7 4', '2 4', '10 3 2 3', '5 2', '1 3'];

  function drawPlot(part) {
    const width = Math.max(320, Math.min(900, innerWidth - 40)), height = width > 600 ? 380 : 300;
    const left = 66, top = 14, bottom = 52;
    const lines = part.lines.map((line, number) => ({...line, number, points: (line.y || []).map((y, i) =>
      ({x: line.x ? line.x[i] : i, y: part.log && y <= 0 ? null : y})).filter(p => p.x !== null)}));
    const all = lines.flatMap(line => line.points.filter(p => p.y !== null));
    const up = y => part.log ? Math.log10(y) : y;
    const is_named = lines.length > 1 && lines.length <= 4;
    const right = is_named ? Math.min(190, 20 + 7.4 * Math.max(...lines.map(l => (l.label || '').length))) : 22;
    let [x0, x1, y0, y1] = [Math.min(...all.map(p => p.x)), Math.max(...all.map(p => p.x)),
      Math.min(...all.map(p => up(p.y))), Math.max(...all.map(p => up(p.y)))];
    if (!all.length) [x0, x1, y0, y1] = [0, 1, 0, 1];
    if (part.zero && !part.log) [y0, y1] = [Math.min(0, y0), Math.max(0, y1)];
    if (x0 === x1) [x0, x1] = [x0 - .5, x1 + .5];
    if (y0 === y1) [y0, y1] = [y0 - .5, y1 + .5];
    if (!(part.zero && y0 === 0)) y0 -= (y1 - y0) * .04;
    y1 += (y1 - y0) * .04;
    const X = x => left + (x - x0) / (x1 - x0) * (width - left - right);
    const Y = y => height - bottom - (up(y) - y0) / (y1 - y0) * (height - top - bottom);
    const svg = drawn('svg', {class: 'plot', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': part.title || ''});
    const put = (name, attributes, text) => svg.appendChild(drawn(name, attributes, text));
    for (const tick of part.log ? steps(y0, y1, 5).filter(Number.isInteger) : steps(y0, y1, 6)) {
      const y = Y(part.log ? 10 ** tick : tick);
      put('line', {class: tick === 0 && !part.log ? 'axisline' : 'grid', x1: left, x2: width - right, y1: y, y2: y});
      put('text', {x: left - 9, y: y + 4.2, 'text-anchor': 'end'}, part.log ? number(10 ** tick) : number(Number(tick.toPrecision(6))));
    }
    const named = part.ticks ? part.ticks.map((_, i) => i).filter(i => i >= x0 && i <= x1) : steps(x0, x1, Math.max(2, Math.round(width / 100)))
      .filter(x => Number.isInteger(x) || !all.every(p => Number.isInteger(p.x)));
    const ticks = (part.ticks || []).map(tick => visible(tick || '')).map(t => t.length > 12 ? t.slice(0, 11) + '\u2026' : t);
    const longest = Math.max(2, ...ticks.map(tick => tick.length));
    const room = part.ticks ? Math.max(1, Math.ceil(named.length * 7.9 * longest / (width - left - right))) : 1;
    named.filter((_, i) => i % room === 0).forEach(tick => {
      put('line', {class: 'axisline', x1: X(tick), x2: X(tick), y1: height - bottom, y2: height - bottom + 4});
      put('text', {x: X(tick), y: height - bottom + 19, 'text-anchor': 'middle'},
        part.ticks ? ticks[tick] : number(Number(tick.toPrecision(6))));
    });
    put('line', {class: 'axisline', x1: left, x2: width - right, y1: height - bottom, y2: height - bottom});
    put('text', {class: 'name', x: (left + width - right) / 2, y: height - 9, 'text-anchor': 'middle'}, part.x || '');
    put('text', {class: 'name', transform: `translate(15 ${(top + height - bottom) / 2}) rotate(-90)`, 'text-anchor': 'middle'}, part.y || '');
    const guide = put('line', {class: 'guide', y1: top, y2: height - bottom, visibility: 'hidden'});
    const dots = drawn('g', {});
    const legend = element('div', {class: 'legend'});
    const ends = [];
    for (const line of lines) {
      const style = line.number % 6, group = put('g', {class: `c${style}`});
      let path = '', is_joined = false;
      for (const p of line.points) {
        if (p.y !== null) path += `${is_joined ? 'L' : 'M'}${X(p.x).toFixed(2)} ${Y(p.y).toFixed(2)}`;
        is_joined = p.y !== null;
      }
      if (!part.points && path) group.append(drawn('path', {class: 'line', d: path, 'stroke-dasharray': dashes[style]}));
      const there = line.points.filter(p => p.y !== null), every = part.points ? 1 : Math.max(1, Math.ceil(there.length / 40));
      there.forEach((p, i) => { if (i % every === 0) group.append(drawn('path', {class: 'mark', d: marks[style](X(p.x), Y(p.y))})); });
      if (is_named && there.length) ends.push({y: Y(there.at(-1).y), x: X(there.at(-1).x), group, label: line.label});
      const sample = drawn('svg', {class: 'plot', viewBox: '0 0 38 12'}), inner = drawn('g', {class: `c${style}`});
      if (!part.points) inner.append(drawn('path', {class: 'line', d: 'M1 6H37', 'stroke-dasharray': dashes[style]}));
      inner.append(drawn('path', {class: 'mark', d: marks[style](19, 6)}));
      sample.append(inner);
      legend.append(element('span', {}, sample, visible(line.label || '')));
    }
    ends.sort((a, b) => a.y - b.y).forEach((end, i) => {
      if (i && end.y < ends[i - 1].y + 15) end.y = ends[i - 1].y + 15;
      end.group.append(drawn('text', {class: 'end', x: width - right + 9, y: end.y + 4.2}, visible(end.label || '')));
    });
    svg.append(dots);
    const xs = [...new Set(lines.flatMap(line => line.points.map(p => p.x)))].sort((a, b) => a - b);
    const go = stops(svg, () => xs.length, index => ({
      mark: is_at => {
        guide.setAttribute('visibility', is_at ? 'visible' : 'hidden');
        guide.setAttribute('x1', X(xs[index]));
        guide.setAttribute('x2', X(xs[index]));
        dots.replaceChildren();
        if (!is_at) return;
        for (const line of lines) for (const p of line.points) {
          if (p.x !== xs[index] || p.y === null) continue;
          const group = drawn('g', {class: `c${line.number % 6}`});
          group.append(drawn('circle', {class: 'mark hot', cx: X(p.x), cy: Y(p.y), r: 5.5}));
          dots.append(group);
        }
      },
      box: () => guide.getBoundingClientRect(),
      card: () => [element('div', {class: 'where'}, `${part.x ? part.x + ' ' : ''}${part.ticks ? visible(part.ticks[xs[index]] || '') : number(xs[index])}`),
        entries(lines.flatMap(line => line.points.filter(p => p.x === xs[index] && p.y !== null).map(p => [line.label || part.y || '', p.y])), 0)],
    }), (index, pressed) => ({ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: xs.length - 1})[pressed] ?? null);
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * width;
      let nearest = -1;
      xs.forEach((value, i) => { if (nearest < 0 || Math.abs(X(value) - x) < Math.abs(X(xs[nearest]) - x)) nearest = i; });
      if (nearest >= 0) go(nearest);
    });
    return [lines.length > 1 && !is_named ? [legend, svg] : [svg], go];
  }

  // ---- tables ----

  function drawTable(part) {
    const columns = part.names.length, rows = [];
    const is_number = part.names.map((_, c) => part.cells.every((cell, i) => i % columns !== c || typeof cell !== 'string'));
    for (let i = 0; i < part.cells.length; i += columns)
      rows.push(element('tr', {}, ...part.cells.slice(i, i + columns).map((cell, c) =>
        element('td', is_number[c] ? {class: 'number'} : {}, typeof cell === 'string' ? visible(cell) : number(cell)))));
    const heads = part.names.map((name, c) => element('th', is_number[c] ? {class: 'number', scope: 'col'} : {scope: 'col'}, name));
    const table = element('table', {class: 'table'}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...rows));
    return [[element('div', {class: 'scroll'}, table)], null];
  }

  // ---- the page ----

  const draw = {map: drawMap, bars: drawBars, plot: drawPlot, table: drawTable};
  const goes = []; // of each figure

  function figure(part) {
    const [inside, go] = draw[part.kind](part);
    const made = element('figure', {id: `figure-${goes.push(go)}`}, ...inside);
    const caption = element('figcaption', {});
    if (part.title || part.caption) caption.append(element('b', {}, `Figure ${goes.length}. ${part.title || ''}`));
    if (part.caption) caption.append(` ${part.caption}`);
    if (caption.childNodes.length) made.append(caption);
    return made;
  }

  function paint() {
    root.dataset.scheme = dark.matches ? 'dark' : 'light';
    for (const painter of painters) painter();
  }

  // #2.3.4: figure 2, row 3, column 4; #2.7: its stop 7.
  function follow(parts) {
    const numbers = location.hash.slice(1).split('.').map(Number), go = goes[numbers[0] - 1];
    if (numbers.length < 2 || !go || !numbers.every(Number.isInteger)) return;
    const columns = parts.filter(part => draw[part.kind])[numbers[0] - 1].columns;
    document.getElementById(`figure-${numbers[0]}`).scrollIntoView({block: 'center'});
    go(numbers.length > 2 ? numbers[1] * columns + numbers[2] : numbers[1], true);
  }

  try {
    const data = JSON.parse(document.getElementById('data').textContent);
    const page = document.getElementById('page');
    let gallery = null;
    page.replaceChildren(element('h1', {}, data.title));
    for (const part of data.parts) {
      if (!part.small) gallery = null;
      if (part.small && !gallery) page.append(gallery = element('div', {class: 'gallery'}));
      if (part.kind === 'heading') page.append(element('h2', {}, part.text));
      else if (part.kind === 'words') page.append(element('p', {class: 'words'}, part.text));
      else (part.small ? gallery : page).append(figure(part));
    }
    document.body.append(card, spoken);
    paint();
    dark.addEventListener('change', paint);
    addEventListener('keydown', event => { if (event.key === 'Escape') hide(); });
    addEventListener('scroll', place, {passive: true, capture: true});
    addEventListener('resize', place);
    root.dataset.figures = goes.length;
    follow(data.parts);
  } catch (error) { fail(error); throw error; }
})();
