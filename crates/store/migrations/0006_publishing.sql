-- Publishing semantics: a second public URL, and settings that were kept as they came and have a type now.

-- Host and path of the alternate URL, without the port, as with external_place.
ALTER TABLE application ADD COLUMN alternate_place TEXT;
CREATE UNIQUE INDEX application_alternate_place ON application (alternate_place);

-- What was set before counts from now on. An alternate URL was never checked, so it has to be set again.
UPDATE application SET publishing = json_set(publishing, '$.body_links', 'translated')
WHERE json_extract(publishing, '$.attributes.isTranslateLinksInBodyEnabled') = 1;
UPDATE application SET publishing = json_set(publishing, '$.translated_to', 'alternate')
WHERE json_extract(publishing, '$.attributes.useAlternateUrlForTranslationAndRedirect') = 1;
UPDATE application SET publishing = json_set(
    publishing,
    '$.traffic_routing',
    CASE json_extract(publishing, '$.attributes.trafficRoutingMethod')
        WHEN 'sessionPersistence' THEN 'session_persistence'
        ELSE json_extract(publishing, '$.attributes.trafficRoutingMethod')
    END
)
WHERE json_extract(publishing, '$.attributes.trafficRoutingMethod')
    IN ('none', 'random', 'sessionPersistence', 'performance');
UPDATE application SET publishing = json_remove(
    publishing,
    '$.attributes.alternateUrl',
    '$.attributes.isTranslateLinksInBodyEnabled',
    '$.attributes.useAlternateUrlForTranslationAndRedirect',
    '$.attributes.trafficRoutingMethod'
)
WHERE publishing IS NOT NULL;

-- The same for those that may be restored.
UPDATE deleted_application SET publishing = json_set(publishing, '$.body_links', 'translated')
WHERE json_extract(publishing, '$.attributes.isTranslateLinksInBodyEnabled') = 1;
UPDATE deleted_application SET publishing = json_set(publishing, '$.translated_to', 'alternate')
WHERE json_extract(publishing, '$.attributes.useAlternateUrlForTranslationAndRedirect') = 1;
UPDATE deleted_application SET publishing = json_set(
    publishing,
    '$.traffic_routing',
    CASE json_extract(publishing, '$.attributes.trafficRoutingMethod')
        WHEN 'sessionPersistence' THEN 'session_persistence'
        ELSE json_extract(publishing, '$.attributes.trafficRoutingMethod')
    END
)
WHERE json_extract(publishing, '$.attributes.trafficRoutingMethod')
    IN ('none', 'random', 'sessionPersistence', 'performance');
UPDATE deleted_application SET publishing = json_remove(
    publishing,
    '$.attributes.alternateUrl',
    '$.attributes.isTranslateLinksInBodyEnabled',
    '$.attributes.useAlternateUrlForTranslationAndRedirect',
    '$.attributes.trafficRoutingMethod'
)
WHERE publishing IS NOT NULL;
