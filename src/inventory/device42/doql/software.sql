SELECT s.software_pk AS id, s.name AS name, lower(s.software_type) AS software_type,
       s.category_name AS category, v.name AS vendor, m.name AS license_model,
       s.licensed_count AS licensed_count, s.discovered_count AS discovered_count
FROM view_software_v1 s
LEFT JOIN view_vendor_v1 v ON v.vendor_pk = s.vendor_fk
LEFT JOIN view_softwarelicensemodel_v1 m ON m.softwarelicensemodel_pk = s.softwarelicensemodel_fk
WHERE lower(s.software_type) IN ({software_types}) AND s.software_pk > {after}
ORDER BY s.software_pk LIMIT {rows}
