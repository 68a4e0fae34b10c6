//! Tests of the MIB names.

use super::{Kind, MibError, Mibs};
use crate::model::Oid;

/// As slim as our modules are: no SEQUENCE types, no DESCRIPTION.
const SLIM: &str = r#"
SLIM-MIB DEFINITIONS ::= BEGIN
IMPORTS OBJECT-TYPE, Integer32, enterprises FROM SNMPv2-SMI
        TEXTUAL-CONVENTION, DisplayString FROM SNMPv2-TC;

slim OBJECT IDENTIFIER ::= { enterprises 99999 }
slimDeep OBJECT IDENTIFIER ::= { slim 8 8 }
OnOff ::= TEXTUAL-CONVENTION STATUS current DESCRIPTION "" SYNTAX INTEGER { on(1), off(2) }

slimName OBJECT-TYPE SYNTAX DisplayString MAX-ACCESS read-only STATUS current ::= { slim 1 }
slimTable OBJECT-TYPE SYNTAX SEQUENCE OF SlimEntry MAX-ACCESS not-accessible STATUS current ::= { slim 2 }
slimEntry OBJECT-TYPE SYNTAX SlimEntry MAX-ACCESS not-accessible STATUS current INDEX { slimIndex } ::= { slimTable 1 }
slimIndex OBJECT-TYPE SYNTAX Integer32 MAX-ACCESS not-accessible STATUS current ::= { slimEntry 1 }
slimSwitch OBJECT-TYPE SYNTAX OnOff MAX-ACCESS read-only STATUS current ::= { slimEntry 2 }
slimLoad OBJECT-TYPE SYNTAX INTEGER { low(-1), high(3) } MAX-ACCESS read-only STATUS current ::= { slimEntry 3 }
slimCurrent OBJECT-TYPE SYNTAX Integer32 UNITS "0.1 Amps" MAX-ACCESS read-only STATUS current ::= { slimEntry 4 }
END
"#;

fn slim() -> Mibs {
    Mibs::of_texts([SLIM.as_bytes().to_vec()])
}

#[test]
fn slim_modules_are_enough() {
    let mibs = slim();
    for (name, oid, kind) in [
        ("SLIM-MIB::slimName", "1.3.6.1.4.1.99999.1", Kind::Scalar),
        ("SLIM-MIB::slimName.0", "1.3.6.1.4.1.99999.1.0", Kind::Scalar),
        ("SLIM-MIB::slimSwitch", "1.3.6.1.4.1.99999.2.1.2", Kind::Column),
        ("SLIM-MIB::slimSwitch.4.1", "1.3.6.1.4.1.99999.2.1.2.4.1", Kind::Column),
        ("SLIM-MIB::slimTable", "1.3.6.1.4.1.99999.2", Kind::Table),
        ("SLIM-MIB::slimEntry", "1.3.6.1.4.1.99999.2.1", Kind::Table),
        ("SLIM-MIB::slim", "1.3.6.1.4.1.99999", Kind::Branch),
        ("1.3.6.1.4.1.99999.2.1.3.7", "1.3.6.1.4.1.99999.2.1.3.7", Kind::Column),
        ("SNMPv2-SMI::enterprises", "1.3.6.1.4.1", Kind::Branch),
    ] {
        let found = mibs.resolve(name).unwrap();
        assert_eq!(found.oid.to_string(), oid);
        assert_eq!(found.object.unwrap().kind, kind, "{name}");
    }
    let names = |name: &str| mibs.resolve(name).unwrap().object.unwrap().names;
    assert!(names("SLIM-MIB::slimSwitch").iter().eq([(1, "on"), (2, "off")]));
    assert!(names("SLIM-MIB::slimLoad").iter().eq([(-1, "low"), (3, "high")]));
    assert_eq!(names("SLIM-MIB::slimLoad").number("high"), Some(3));
    assert!(names("SLIM-MIB::slimName").is_empty());
    assert_eq!(mibs.resolve("SLIM-MIB::slimCurrent").unwrap().object.unwrap().units, "0.1 Amps");
    assert_eq!(mibs.resolve("SLIM-MIB::slimName").unwrap().object.unwrap().syntax, "OCTET STRING");
    assert!(mibs.modules().any(|it| it == "SLIM-MIB"));
}

#[test]
fn numbers_get_their_names_back() {
    let mibs = slim();
    for (oid, name) in [
        ("1.3.6.1.4.1.99999.2.1.2.14", "SLIM-MIB::slimSwitch.14"),
        ("1.3.6.1.4.1.99999.2.1.2", "SLIM-MIB::slimSwitch"),
        ("1.3.6.1.4.1.8", "SNMPv2-SMI::enterprises.8"),
        ("1.3.6.1.4.1.99999.8.1", "SLIM-MIB::slim.8.1"),
        ("1.3.6.1.4.1.99999.8.8.1", "SLIM-MIB::slimDeep.1"),
    ] {
        let oid: Oid = oid.parse().unwrap();
        assert_eq!(mibs.lookup(&oid).to_string(), name);
    }
    let below = mibs.below(&"1.3.6.1.4.1.99999.2.1".parse().unwrap()).map(|it| it.name);
    assert_eq!(
        below.collect::<Vec<_>>()[..3],
        ["SLIM-MIB::slimEntry", "SLIM-MIB::slimIndex", "SLIM-MIB::slimSwitch"]
    );
}

#[test]
fn mistakes_say_what_may_be_meant() {
    let mibs = slim();
    let help = |name: &str| mibs.resolve(name).unwrap_err().help().unwrap_or_default();
    assert_eq!(help("SLIM-MIB::slimSwich"), "did you mean `SLIM-MIB::slimSwitch`?");
    assert_eq!(help("SLIMMIB::slimSwitch"), "did you mean `SLIM-MIB`?");
    assert_eq!(help("slimSwitch.4"), "write `SLIM-MIB::slimSwitch.4`");
    assert!(matches!(mibs.resolve("1.3.x"), Err(MibError::Oid(_))));
    assert!(matches!(mibs.resolve("SLIM-MIB::slimName.x"), Err(MibError::Oid(_))));
    assert!(matches!(mibs.resolve(""), Err(MibError::Unqualified { .. })));
}

#[test]
fn a_broken_module_costs_its_own_names_only() {
    let broken = b"BROKEN-MIB DEFINITIONS ::= BEGIN x OBJECT-TYPE SYNTAX ::= { y".to_vec();
    let mibs = Mibs::of_texts([broken, SLIM.as_bytes().to_vec(), b"\xff\x00 nothing".to_vec()]);
    assert!(mibs.resolve("SLIM-MIB::slimName").is_ok());
    assert!(mibs.resolve("BROKEN-MIB::x").is_err());
    let none = Mibs::of_texts([]);
    assert!(none.resolve("SLIM-MIB::slimName").is_err());
}

#[test]
fn embedded_modules_have_the_system_group() {
    let found = Mibs::embedded().resolve("SNMPv2-MIB::sysUpTime.0").unwrap();
    assert_eq!(found.oid.to_string(), "1.3.6.1.2.1.1.3.0");
    assert_eq!(found.object.unwrap().syntax, "TimeTicks");
}

#[test]
fn traps_have_names() {
    for (oid, name) in [
        ("1.3.6.1.6.3.1.1.5.1", "SNMPv2-MIB::coldStart"),
        ("1.3.6.1.6.3.1.1.5.3", "IF-MIB::linkDown"),
        ("1.3.6.1.2.1.33.2.1", "UPS-MIB::upsTrapOnBattery"),
        ("1.3.6.1.4.1.318.0.5", "PowerNet-MIB::upsOnBattery"),
        ("1.3.6.1.4.1.3808.0.9", "CPS-MIB::powerRestored"),
    ] {
        assert_eq!(Mibs::embedded().lookup(&oid.parse().unwrap()).to_string(), name);
    }
}

/// The tables that the build wrote say the same as the modules themselves.
#[test]
fn embedded_tables_are_the_modules_in_mibs() {
    let (tables, parsed) = (Mibs::embedded(), Mibs::with_user_modules([]));
    let mut modules: Vec<&str> = parsed.modules().collect();
    modules.sort_unstable();
    assert_eq!(tables.modules().collect::<Vec<_>>(), modules);
    let mut count = 0;
    for module in modules {
        for name in parsed.objects(module) {
            let name = format!("{module}::{name}");
            let wanted = parsed.resolve(&name).unwrap();
            assert_eq!(tables.resolve(&name).unwrap(), wanted);
            let instance = wanted.oid.child(&[7, 0]);
            assert_eq!(tables.lookup(&instance).to_string(), parsed.lookup(&instance).to_string());
            count += 1;
        }
        assert_eq!(tables.objects(module).count(), parsed.objects(module).count(), "{module}");
    }
    assert!(10 < count);
    let root: Oid = "1.3".parse().unwrap();
    assert!(tables.below(&root).eq(parsed.below(&root)));
    assert_eq!(tables.lookup(&"2.7".parse().unwrap()).object, parsed.lookup(&"2.7".parse().unwrap()).object);
}
