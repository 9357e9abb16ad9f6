// Where things lie in the scratch memory of one instance. Every export takes the scratch's address: several
// instances may share one memory, so nothing may live in a static.

/** Bytes of a block of SHA3-256 (FIPS 202: rate 1088 bits). */
export const RATE: usize = 136;
/** Bytes of a digest, and of a seed. */
export const HASH: usize = 32;
/** Bytes of the first block that are left beside the seed. */
export const HEAD_ROOM: usize = RATE - HASH;
/** Slots of messages in flight: the two lanes of the vector state, and the scalar state. */
export const SLOTS: u32 = 3;
/** The slot whose state is scalar. */
export const SCALAR_SLOT: u32 = 2;

/** 24 round constants. */
export const ROUND_CONSTANTS: usize = 0;
/** Two states of 25 lanes for two messages each; rounds go from one to the other and back. */
export const VECTOR_STATE: usize = 192;
export const VECTOR_SPARE: usize = VECTOR_STATE + 400;
/** The same for one message. */
export const SCALAR_STATE: usize = VECTOR_SPARE + 400;
export const SCALAR_SPARE: usize = SCALAR_STATE + 200;
/** A row of set bytes before clear ones: read at `KEPT - n`, it is a mask that keeps the first n bytes. */
export const KEPT: usize = SCALAR_SPARE + 200 + 144;
/** A single 0x06 among clear bytes: read at `PADDING - n`, it has the 0x06 behind n bytes. */
export const PADDING: usize = KEPT + 144 + 144;
/** The record of each slot, see below. */
export const SLOT: usize = PADDING + 144 + 16;
export const SLOT_BYTES: usize = 320;

// Fields of a slot, as offsets from its beginning.

/** First block of a message: the seed, then up to 104 bytes, padded. 144 bytes, as copies are made of 16. */
export const SLOT_HEAD: usize = 0;
/** Last block of a message that has more than one, padded. */
export const SLOT_TAIL: usize = 144;
/** Address of the block to absorb next: head, tail, or in the middle of the message itself. */
export const SLOT_BLOCK: usize = 288;
/** 0 if the state begins anew with this block, or all bits set: the state is ANDed with it. */
export const SLOT_KEEP: usize = 296;
/** Address of the message's bytes that are in no block yet, and their number. */
export const SLOT_FROM: usize = 304;
export const SLOT_LEFT: usize = 308;
/** Where the digest goes. */
export const SLOT_TARGET: usize = 312;
/** What the slot does: see the phases. */
export const SLOT_PHASE: usize = 316;

/** The slot has no message; what it computes is ignored. */
export const IDLE: u32 = 0;
/** Blocks will follow the present one. */
export const WITHIN: u32 = 1;
/** The present block is the last one. */
export const LAST: u32 = 2;

/** Bytes of scratch memory of one instance; its address must be a multiple of 16. */
export const SCRATCH_BYTES: usize = SLOT + <usize>SLOTS * SLOT_BYTES;
