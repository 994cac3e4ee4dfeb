-- What gateways notice of connectors: those whose software is too old for them, and keys that were copied.

ALTER TABLE connector ADD COLUMN needs_upgrade TEXT NOT NULL DEFAULT 'false' CHECK (needs_upgrade IN ('true', 'false'));
-- When it was noticed; nothing once the connector was registered anew.
ALTER TABLE connector ADD COLUMN key_copied_at TEXT;
