// What runs inside the page: functions without anything from outside, which Playwright sends there.
'use strict';

// Texts whose contrast against what is behind them (WCAG 2.2, 1.4.3) is less than least.
function contrasts(least) {
  const parse = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = parse(color).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!color.endsWith(', 0)')) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data.trim()).join('');
    if (!text || node.closest('script, style, title, desc')) continue;
    const style = getComputedStyle(node);
    const [a, b] = [luminance(node instanceof SVGElement ? style.fill : style.color), luminance(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least) found.push(`${text.slice(0, 60)}: ${ratio.toFixed(2)}`);
  }
  return found;
}

// Labels of charts that reach out of their picture, or lie over each other.
function clippedLabels() {
  const found = [];
  for (const svg of document.querySelectorAll('svg.timeline')) {
    const [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
    const boxes = [...svg.querySelectorAll('text')].map((text) => ({ text: text.textContent, box: text.getBBox() }));
    for (const { text, box } of boxes) {
      if (box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height) found.push(`clipped: ${text}`);
    }
    boxes.forEach(({ text, box }, i) => boxes.slice(i + 1).forEach((other) => {
      const across = Math.min(box.x + box.width, other.box.x + other.box.width) - Math.max(box.x, other.box.x);
      const down = Math.min(box.y + box.height, other.box.y + other.box.height) - Math.max(box.y, other.box.y);
      if (across > 1 && down > 1) found.push(`over each other: ${text}, ${other.text}`);
    }));
  }
  return found;
}

module.exports = { contrasts, clippedLabels };
