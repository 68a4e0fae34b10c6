WITH c AS (SELECT p.partmodel_fk AS partmodel_fk, SUM(p.pcount) AS total_count,
                  SUM(CASE WHEN p.device_fk IS NULL AND p.asset_fk IS NULL AND p.netport_fk IS NULL
                            AND (p.room_fk IS NOT NULL OR p.rack_fk IS NOT NULL) THEN p.pcount ELSE 0 END) AS available
           FROM view_part_v1 p GROUP BY p.partmodel_fk)
SELECT m.partmodel_pk AS id, m.name AS name, m.type_name AS type, m.modelno AS modelno, m.partno AS partno,
       v.name AS vendor, COALESCE(c.available, 0) AS available, COALESCE(c.total_count, 0) AS total_count
FROM view_partmodel_v1 m
LEFT JOIN c ON c.partmodel_fk = m.partmodel_pk
LEFT JOIN view_vendor_v1 v ON v.vendor_pk = m.vendor_fk
WHERE m.partmodel_pk > {after}
ORDER BY m.partmodel_pk LIMIT {rows}
