// The lanes: what each slot did in each of the last six hundred seconds, drawn a column a second.

export const COLUMNS = 600;

// The meaning of a column's bytes, as the server packs them: what for, how much of the time, and whether a task was evicted.
const USES = ["empty", "unprotected_external", "unprotected_internal", "protected", "wedged"];
const use = (byte) => byte & 7;
const share = (byte) => ((byte >> 3) & 15) / 15;
const evicted = (byte) => byte > 127;

/** The columns of one server, the oldest first, as arrays of a byte a slot. */
export class Columns {
  constructor(encoded) {
    this.all = encoded.map(decode).slice(-COLUMNS);
  }

  push(encoded) {
    this.all.push(decode(encoded));
    if (this.all.length > COLUMNS) this.all.shift();
  }
}

function decode(encoded) {
  return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
}

/** Draws columns on a canvas, the latest at the right. */
export class Lanes {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.slots = 0;
  }

  /** Draws everything. */
  draw(columns, slots) {
    this.slots = slots;
    // A lane of a few slots is easier to see; a thousand of them still fit on some screens.
    this.height = Math.max(3, Math.min(18, Math.floor(360 / Math.max(slots, 1))));
    this.canvas.width = COLUMNS;
    this.canvas.height = Math.max(1, slots * this.height);
    this.canvas.style.height = `${this.canvas.height}px`;
    const style = getComputedStyle(this.canvas);
    this.colours = USES.map((name) => style.getPropertyValue(`--${name}`).trim());
    this.mark = style.getPropertyValue("--mark").trim();
    this.clear(0, COLUMNS);
    columns.all.forEach((column, index) => this.column(column, COLUMNS - columns.all.length + index));
  }

  /** Draws one more column, and moves the others to the left. */
  push(column) {
    this.context.drawImage(this.canvas, -1, 0);
    this.clear(COLUMNS - 1, 1);
    this.column(column, COLUMNS - 1);
  }

  clear(x, width) {
    this.context.globalAlpha = 1;
    this.context.fillStyle = this.colours[0];
    this.context.fillRect(x, 0, width, this.canvas.height);
  }

  column(bytes, x) {
    const { context, height } = this;
    const gap = height > 4 ? 1 : 0;
    for (let slot = 0; slot < Math.min(bytes.length, this.slots); slot++) {
      const byte = bytes[slot];
      if (use(byte) > 0) {
        context.globalAlpha = 0.3 + 0.7 * share(byte);
        context.fillStyle = this.colours[use(byte)];
        context.fillRect(x, slot * height, 1, height - gap);
      }
      if (evicted(byte)) {
        context.globalAlpha = 1;
        context.fillStyle = this.mark;
        context.fillRect(x, slot * height, 1, Math.max(2, Math.floor(height / 2)));
      }
    }
  }
}
