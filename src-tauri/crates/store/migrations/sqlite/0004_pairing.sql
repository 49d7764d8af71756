-- When the owner's code for a sign-in is no longer good; NULL where none is waited for.
ALTER TABLE grants ADD COLUMN code_awaited_until INTEGER;
CREATE INDEX grants_pairing ON grants (code_awaited_until, id) WHERE code_awaited_until IS NOT NULL;
