import { ContractEvent } from '../../types/contract-event.js';
import { bcs } from './byte-codec.js';
import { columnFamily } from './column-family.js';
import { composite, u64be } from './key-fields.js';

/** By version and place in the transaction; the value is what backup records hold. */
export const eventRows = columnFamily({
  name: 'event',
  kinds: ['ledger_db/event_db'],
  key: composite({ version: u64be, index: u64be }),
  value: bcs(ContractEvent),
});
