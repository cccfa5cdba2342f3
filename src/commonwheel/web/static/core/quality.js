// How far a value can be trusted: the codes of the wire's samples, each with a word and a shape beside its colour.

export const GOOD = 0;
export const STALE = 1;
export const INVALID = 2;
export const CORRUPT = 3;
export const MISSING = 4;

/** Of an instrument whose signal the car does not give; never sent. */
export const ABSENT = 5;

const WORDS = ["good", "stale", "invalid", "corrupt", "none yet", "not given"];
const SHAPES = ["", "\u25f7", "\u2298", "\u2716", "\u2013", "\u2013"];
const MEANINGS = [
  "received in time, intact",
  "no frame within the message's timeout; the last value",
  "the sender says that it has no value, or it is out of range",
  "checksum or counter wrong",
  "no value has come so far",
  "this car does not give it",
];

/** The word of a code. */
export function qualityWord(code) {
  return WORDS[code] ?? WORDS[MISSING];
}

/** A sign that looks different for each; '' for good. */
export function qualityShape(code) {
  return SHAPES[code] ?? "\u2013";
}

/** What a code means, in a sentence. */
export function qualityMeaning(code) {
  return MEANINGS[code] ?? MEANINGS[MISSING];
}
