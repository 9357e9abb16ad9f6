// Writes the Keccak permutations out as AssemblyScript: the tables of FIPS 202 become two rounds of straight
// code, for one scalar state, and for two vector lanes with one scalar state interleaved line by line, so
// that both kinds of execution units are busy. What was measured to matter: the states stay in memory, since
// engines spill 25 lanes badly; column parities are gathered while planes are stored; a turn of the loop is
// two rounds (one costs 4 % more for the exchange of addresses, 24 cost 90 %); statements alternate, not
// planes (4 %).

/** By output plane and x: the lane (x + 5y) that pi moves there, its column, its rotation by rho. */
const PLANES = [
  [
    [0, 0, 0],
    [6, 1, 44],
    [12, 2, 43],
    [18, 3, 21],
    [24, 4, 14],
  ],
  [
    [3, 3, 28],
    [9, 4, 20],
    [10, 0, 3],
    [16, 1, 45],
    [22, 2, 61],
  ],
  [
    [1, 1, 1],
    [7, 2, 6],
    [13, 3, 25],
    [19, 4, 8],
    [20, 0, 18],
  ],
  [
    [4, 4, 27],
    [5, 0, 36],
    [11, 1, 10],
    [17, 2, 15],
    [23, 3, 56],
  ],
  [
    [2, 2, 62],
    [8, 3, 55],
    [14, 4, 39],
    [15, 0, 41],
    [21, 1, 2],
  ],
];

/**
 * Chi of each plane on a state whose lanes 1, 2, 8, 12, 17 and 20 are kept complemented, which leaves 5 of 25
 * NOTs ("lane complementing" in the Keccak implementation overview, section 2.2). Digits are x.
 */
const COMPLEMENTED_CHI = [
  ['0 ^ (1 | 2)', '1 ^ (~2 | 3)', '2 ^ (3 & 4)', '3 ^ (4 | 0)', '4 ^ (0 & 1)'],
  ['0 ^ (1 | 2)', '1 ^ (2 & 3)', '2 ^ (3 | ~4)', '3 ^ (4 | 0)', '4 ^ (0 & 1)'],
  ['0 ^ (1 | 2)', '1 ^ (2 & 3)', '2 ^ (~3 & 4)', '~3 ^ (4 | 0)', '4 ^ (0 & 1)'],
  ['0 ^ (1 & 2)', '1 ^ (2 | 3)', '2 ^ (~3 | 4)', '~3 ^ (4 & 0)', '4 ^ (0 | 1)'],
  ['0 ^ (~1 & 2)', '~1 ^ (2 | 3)', '2 ^ (3 & 4)', '3 ^ (4 | 0)', '4 ^ (0 & 1)'],
];

const X = [0, 1, 2, 3, 4];

/** How a scalar state is computed with; its names begin with s. */
const SCALAR = {
  name: 's',
  type: 'u64',
  state: 'SCALAR_STATE',
  spare: 'SCALAR_SPARE',
  load: (from, lane) => `load<u64>(${from}, ${8 * lane})`,
  store: (to, lane, value) => `store<u64>(${to}, ${value}, ${8 * lane})`,
  xor: (...values) => values.join(' ^ '),
  turn: (value, bits) => (bits === 0 ? value : `rotl<u64>(${value}, ${bits})`),
  chi: (x, y) => COMPLEMENTED_CHI[y][x].replace(/\d/g, (digit) => `sb${digit}`),
  constant: (offset) => `load<u64>(constant, ${offset})`,
};

/** How a pair of states in the two lanes of vectors is; its names begin with v. Vectors have an AND NOT. */
const VECTOR = {
  name: 'v',
  type: 'v128',
  state: 'VECTOR_STATE',
  spare: 'VECTOR_SPARE',
  load: (from, lane) => `v128.load(${from}, ${16 * lane})`,
  store: (to, lane, value) => `v128.store(${to}, ${value}, ${16 * lane})`,
  xor: (...values) => values.reduce((left, right) => `v128.xor(${left}, ${right})`),
  turn: (value, bits) => (bits === 0 ? value : `turnPair(${value}, ${bits})`),
  chi: (x) => `v128.xor(vb${x}, v128.andnot(vb${(x + 2) % 5}, vb${(x + 1) % 5}))`,
  constant: (offset) => `v128.load_splat<u64>(constant, ${offset})`,
};

/** The lines of all lists, taken in turns. */
function alternate(lists) {
  return lists[0].flatMap((_, index) => lists.map((list) => list[index]));
}

function prologue({ name, state, spare, load, xor }) {
  return [
    `  const ${name}State = scratch + ${state};`,
    `  const ${name}Spare = scratch + ${spare};`,
    ...X.map((x) => {
      const column = X.map((y) => load(`${name}State`, x + 5 * y));
      return `  let ${name}c${x} = ${xor(...column)};`;
    }),
  ];
}

/** Theta's change to each column. */
function theta({ name, xor, turn }) {
  return X.map((x) => {
    const [before, after] = [`${name}c${(x + 4) % 5}`, `${name}c${(x + 1) % 5}`];
    return `    ${name}d${x} = ${xor(before, turn(after, 1))};`;
  });
}

/** Rho and pi into the five lanes of plane y, then chi, iota and the parities. */
function plane({ name, load, store, xor, turn, chi, constant }, y, from, to, round) {
  const moved = PLANES[y].map(
    ([lane, column, bits], x) =>
      `    ${name}b${x} = ${turn(xor(load(from(name), lane), `${name}d${column}`), bits)};`,
  );
  const stored = X.flatMap((x) => {
    const value = x + y === 0 ? xor(chi(x, y), constant(8 * round)) : chi(x, y);
    const parity = `${name}c${x}`;
    return y === 0
      ? [`    ${parity} = ${value};`, `    ${store(to(name), x, parity)};`, '']
      : [
          `    ${name}e = ${value};`,
          `    ${store(to(name), x + 5 * y, `${name}e`)};`,
          `    ${parity} = ${xor(parity, `${name}e`)};`,
        ];
  });
  return [...moved, ...stored];
}

function round(kinds, index) {
  const state = (name) => `${name}State`;
  const spare = (name) => `${name}Spare`;
  const [from, to] = index === 0 ? [state, spare] : [spare, state];
  const planes = X.map((y) => alternate(kinds.map((kind) => plane(kind, y, from, to, index))));
  return [...alternate(kinds.map(theta)), ...planes.flat()].filter((line) => line !== '');
}

function permutation(name, kinds) {
  const locals = kinds.map((kind) => {
    const names = [...X.map((x) => `b${x}`), ...X.map((x) => `d${x}`), 'e'];
    return `  let ${names.map((each) => `${kind.name}${each}: ${kind.type}`).join(', ')};`;
  });
  return [
    "import { ROUND_CONSTANTS, SCALAR_SPARE, SCALAR_STATE, VECTOR_SPARE, VECTOR_STATE } from '../layout';",
    "import { complementLanes } from '../keccak-one';",
    ...(kinds.includes(VECTOR) ? ["import { turnPair } from '../keccak-three';"] : []),
    `export function ${name}(scratch: usize): void {`,
    '  complementLanes(scratch + SCALAR_STATE);',
    ...alternate(kinds.map(prologue)),
    ...locals,
    '  const end = scratch + ROUND_CONSTANTS + 24 * 8;',
    '  for (let constant = scratch + ROUND_CONSTANTS; constant < end; constant += 16) {',
    ...round(kinds, 0),
    ...round(kinds, 1),
    '  }',
    '  complementLanes(scratch + SCALAR_STATE);',
    '}',
    '',
  ].join('\n');
}

/** File name in kernel/generated/ to source text. */
export const PERMUTATIONS = {
  'permute-one.ts': permutation('permuteOne', [SCALAR]),
  'permute-three.ts': permutation('permuteThree', [VECTOR, SCALAR]),
};
