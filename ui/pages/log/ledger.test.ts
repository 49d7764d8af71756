import { describe, expect, it } from 'vitest';

import type { EventRow } from '../../host/api';
import { fakeHost } from '../../host/fake';
import { Ledger } from './ledger';

const template = fakeHost().world.events[0]!;
const row = (seq: number): EventRow => ({ ...template, seq, at: seq * 10, attempt: 'att' });
const seqs = (ledger: Ledger) => ledger.entries.map(({ row }) => row.seq);

describe('ledger', () => {
  it('has live rows and pages in one order, each once', () => {
    const ledger = new Ledger(100);
    ledger.add([row(5), row(6)]);
    expect(ledger.merge([row(6), row(5), row(4), row(3)])).toMatchObject({ appended: true, added: [{ row: { seq: 4 } }, { row: { seq: 3 } }] });
    expect(ledger.add([row(6), row(7)]).map(({ row }) => row.seq)).toEqual([7]);
    expect(seqs(ledger)).toEqual([7, 6, 5, 4, 3]);
    expect(ledger.oldest).toBe(3);
  });

  it('puts what was missed where it belongs', () => {
    const ledger = new Ledger(100);
    ledger.merge([row(2), row(1)]);
    ledger.add([row(6)]);
    expect(ledger.merge([row(6), row(5), row(4), row(3), row(2)]).appended).toBe(false);
    expect(seqs(ledger)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(ledger.entries.map(({ ms }) => ms)).toEqual([10, 10, 10, 10, 10, null]);
  });

  it('lets the oldest go when it is full', () => {
    const ledger = new Ledger(3);
    ledger.merge([row(2), row(1)]);
    const [, oldest] = ledger.entries;
    ledger.add([row(3), row(4)]);
    expect(seqs(ledger)).toEqual([4, 3, 2]);
    expect([ledger.full, ledger.fallen, oldest!.gone]).toEqual([true, 1, true]);
  });
});
