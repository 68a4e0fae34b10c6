WITH c AS (SELECT y.os_fk AS os_fk, COUNT(*) AS total_count,
                  SUM(CASE WHEN y.count_in_licensing THEN 1 ELSE 0 END) AS counted
           FROM view_deviceos_v1 y GROUP BY y.os_fk)
SELECT o.os_pk AS id, o.name AS name, o.category_name AS category, v.name AS vendor,
       o.licensed_count AS licensed_count, o.discovered_licensed_count AS discovered_licensed_count,
       COALESCE(c.counted, 0) AS counted, COALESCE(c.total_count, 0) AS total_count
FROM view_os_v1 o
LEFT JOIN c ON c.os_fk = o.os_pk
LEFT JOIN view_vendor_v1 v ON v.vendor_pk = o.vendor_fk
WHERE o.os_pk > {after}
ORDER BY o.os_pk LIMIT {rows}
