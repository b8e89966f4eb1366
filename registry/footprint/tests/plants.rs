//! What a site model can say, each against figures worked out by hand beside it.

use footprint::{
    By, Cause, Certified, FootprintError, Sources, compute_all, contributions, difference, improvements, recompute,
    waterfall,
};
use record::certificate::{Certificate, CertificateDraft, Measurement};
use record::evidence::Evidence;
use record::footprint::{FootprintStatement, Origin, Stage};
use record::instrument::Sha256;
use record::json::Digest;
use record::plant::{Plant, PlantError};

const HEAD: &str = "method = \"cbam-transitional-2023-1773\"\n\
    [site]\nname = \"organizations/example/sites/works\"\ntitle = \"works\"\n\
    [period]\nstart = 2023-01-01T00:00:00Z\nend = 2024-01-01T00:00:00Z\n";

fn plant(text: &str) -> Plant {
    Plant::from_toml(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{error}"))
}

fn with(plant: &Plant, suppliers: &[FootprintStatement]) -> Result<Vec<FootprintStatement>, FootprintError> {
    let evidence = Evidence::empty(plant.site.clone(), plant.period);
    let sources = suppliers.iter().cloned().fold(Sources::new(&evidence), Sources::with_supplier);
    let found = compute_all(plant, &sources)?;
    for statement in &found {
        recompute(statement, plant, &sources).unwrap();
        assert_eq!(&FootprintStatement::from_bytes(&statement.to_bytes()).unwrap(), statement);
    }
    Ok(found)
}

fn computed(text: &str) -> Vec<FootprintStatement> {
    with(&plant(text), &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn failed(text: &str) -> FootprintError {
    with(&plant(text), &[]).unwrap_err()
}

#[track_caller]
fn refused(text: &str, path: &str, words: &str) {
    match Plant::from_toml(&format!("{HEAD}{text}")) {
        Err(PlantError::Invalid { violations }) => {
            let found = violations.iter().any(|v| v.path == path && v.problem.contains(words));
            assert!(found, "{violations:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn close(found: &quantity::Decimal, wanted: f64) {
    let found = found.to_f64();
    assert!((found - wanted).abs() <= 1e-13 * wanted.abs().max(1e-3), "{found}, expected {wanted}");
}

fn t(value: f64) -> String {
    format!("{{ value = {value}, unit = \"t\" }}")
}

fn process(name: &str, tonnes: f64, more: &str) -> String {
    format!("[[process]]\nname = \"{name}\"\ncategory = \"c\"\nproduction = {}\n{more}\n", t(tonnes))
}

fn product(process: &str) -> String {
    format!(
        "[[product]]\nname = \"{process}\"\ncn_code = \"72010000\"\nprocess = \"{process}\"\nfunctional_unit = \"1 t\"\n"
    )
}

fn measured(name: &str, process: &str, tonnes: f64, unit: &str) -> String {
    format!(
        "[[stream]]\nname = \"{name}\"\nprocess = \"{process}\"\nmethod = \"measured\"\n\
         emissions = {{ value = {tonnes}, unit = \"{unit}\" }}\n"
    )
}

#[test]
fn heat_goes_from_its_maker_to_its_user() {
    // 1,000 GJ at 60 kg/GJ are 60 t: from the boiler's 300 t, to the mill, which has 40 t of its own.
    let text = measured("gas", "boiler", 300.0, "tCO2")
        + &measured("kiln", "mill", 40.0, "tCO2")
        + &process("boiler", 100.0, "")
        + &process("mill", 50.0, "")
        + "[[exchange]]\nname = \"steam\"\ncarrier = \"heat\"\nfrom = \"boiler\"\nto = \"mill\"\n\
           amount = { value = 1000, unit = \"GJ\" }\nfactor = { value = 60, unit = \"kgCO2/GJ\" }\n"
        + &product("boiler")
        + &product("mill");
    let found = computed(&text);
    close(&found[0].direct.value, (300.0 - 60.0) / 100.0);
    close(&found[1].direct.value, (40.0 + 60.0) / 50.0);
    let taken = &found[0].breakdown[1];
    assert_eq!((taken.source.as_str(), taken.gas.as_str(), taken.value.as_str()), ("steam", "CO2", "-0.6"));
    assert_eq!(taken.activity.as_ref().unwrap().value.as_str(), "-10");
}

#[test]
fn what_leaves_the_site_is_taken_off_and_electricity_made_here_is_direct() {
    let exchange = |name: &str, carrier: &str, ends: &str, amount: &str, factor: &str| {
        format!(
            "[[exchange]]\nname = \"{name}\"\ncarrier = \"{carrier}\"\n{ends}\namount = {amount}\nfactor = {factor}\n"
        )
    };
    // Waste gas: 500 GJ for natural gas, 56.1 × 0.667 t/TJ. Electricity: 10 MWh at 0.9 t/MWh to another process.
    let text = measured("furnace", "iron", 1000.0, "tCO2")
        + &process("iron", 200.0, "")
        + &process("steel", 100.0, "")
        + &exchange(
            "gas sold",
            "waste-gas",
            "from = \"iron\"",
            "{ value = 500, unit = \"GJ\" }",
            "{ value = 37.4187, unit = \"tCO2/TJ\" }",
        )
        + &exchange(
            "power",
            "electricity",
            "from = \"iron\"\nto = \"steel\"",
            "{ value = 10, unit = \"MWh\" }",
            "{ value = 0.9, unit = \"tCO2/MWh\" }",
        )
        + &exchange(
            "district heat",
            "heat",
            "to = \"steel\"",
            "{ value = 100, unit = \"GJ\" }",
            "{ value = 70, unit = \"tCO2/TJ\" }",
        )
        + &product("iron")
        + &product("steel");
    let found = computed(&text);
    close(&found[0].direct.value, (1000.0 - 0.5 * 37.4187 - 9.0) / 200.0);
    close(&found[0].indirect.value, 0.0);
    close(&found[0].electricity.value, 0.0);
    close(&found[1].direct.value, 7.0 / 100.0);
    close(&found[1].indirect.value, 9.0 / 100.0);
    close(&found[1].electricity.value, 0.1);
}

#[test]
fn gases_are_joined_by_the_methods_potentials() {
    // 1 TJ: 56.1 t CO2; 1 kg CH4 × 28; 0.1 kg N2O × 265 (Regulation (EU) 2023/1773, Annex VIII). 20 % biomass: 44.88 t
    // count, 11.22 t stand beside. Oxidation applies to the carbon alone.
    let text = "[[stream]]\nname = \"gas\"\nprocess = \"p\"\nmethod = \"combustion\"\n\
        activity = { value = 1, unit = \"TJ\" }\nemission_factor = { value = 56.1, unit = \"tCO2/TJ\" }\n\
        other_gases = [{ value = 1, unit = \"kgCH4/TJ\" }, { value = 0.1, unit = \"kgN2O/TJ\" }]\n\
        biomass_share = { value = 20, unit = \"%\" }\noxidation_factor = { value = 50, unit = \"%\" }\n"
        .to_owned()
        + &measured("acid", "p", 2.0, "kgN2O")
        + &process("p", 1.0, "")
        + &product("p");
    let found = &computed(&text)[0];
    close(&found.direct.value, 56.1 * 0.5 * 0.8 + 0.028 + 0.0265 + 0.53);
    let gases: Vec<(&str, &str)> = found.breakdown.iter().map(|row| (row.gas.as_str(), row.source.as_str())).collect();
    assert_eq!(gases, [("CO2", "gas"), ("CH4", "gas"), ("N2O", "gas"), ("N2O", "acid")]);
    assert_eq!(found.beside.len(), 1);
    assert_eq!(found.beside[0].origin, Origin::Biogenic);
    close(&found.beside[0].value, 56.1 * 0.5 * 0.2);
    let by_gas = contributions(found, By::Gas);
    assert_eq!(by_gas.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), ["CO2", "N2O", "CH4"]);
    assert!((by_gas.iter().map(|part| part.share_percent).sum::<f64>() - 100.0).abs() < 1e-9);
}

#[test]
fn perfluorocarbons_by_slope_and_by_overvoltage() {
    let stream = |rest: &str| {
        format!(
            "[[stream]]\nname = \"cells\"\nprocess = \"p\"\nmethod = \"anode-effects\"\nproduction = {}\n\
             c2f6_ratio = {{ value = 0.121, unit = \"tC2F6/tCF4\" }}\n{rest}\n",
            t(1000.0)
        )
    };
    // Slope 0.143 (kg CF4/t)/(min/cell day), 0.5 min: 71.5 kg CF4, × 0.121 C2F6 (IPCC 2006, Vol 3, Table 4.16, CWPB).
    let slope = stream(
        "coefficient = { value = 0.143, unit = \"kgCF4.cell.d/(t.AEmin)\" }\n\
         intensity = { value = 0.5, unit = \"AEmin/(cell.d)\" }",
    );
    let text = slope.clone() + &process("p", 1000.0, "") + &product("p");
    let found = &computed(&text)[0];
    close(&found.breakdown[0].value, 0.0715 * 6630.0 / 1000.0);
    close(&found.breakdown[1].value, 0.0715 * 0.121 * 11_100.0 / 1000.0);
    assert_eq!((found.breakdown[0].gas.as_str(), found.breakdown[1].gas.as_str()), ("CF4", "C2F6"));
    // Overvoltage 1.16 kg CF4/(t mV) × 2 mV ÷ 95 %.
    let over = "coefficient = { value = 1.16, unit = \"kgCF4/(t.mV)\" }\nintensity = { value = 2, unit = \"mV\" }\n";
    let text = stream(&format!("{over}current_efficiency = {{ value = 95, unit = \"%\" }}"))
        + &process("p", 1000.0, "")
        + &product("p");
    close(&computed(&text)[0].breakdown[0].value, 1.16 * 2.0 / 0.95 * 6630.0 / 1000.0);
    let without = stream(over) + &process("p", 1000.0, "") + &product("p");
    assert!(matches!(failed(&without), FootprintError::AnodeEffects { .. }));
    let mixed = slope.replace("kgCF4.cell.d/(t.AEmin)", "kgCF4/(t.mV)") + &process("p", 1000.0, "") + &product("p");
    refused(&mixed, "stream[0].intensity", "minutes per cell and day");
}

#[test]
fn co_products_share_by_the_stated_rule() {
    let text = |allocation: &str, a: &str, b: &str| {
        measured("cracker", "cracker", 100.0, "tCO2")
            + &format!(
                "[[process]]\nname = \"cracker\"\ncategory = \"c\"\nallocation = \"{allocation}\"\n\
                 [[process.output]]\nname = \"a\"\namount = {}\n{a}\n\
                 [[process.output]]\nname = \"b\"\namount = {}\n{b}\n",
                t(30.0),
                t(10.0)
            )
            + &process("plastic", 20.0, &format!("inputs = [{{ process = \"a\", amount = {} }}]", t(22.0)))
            + &product("a")
            + &product("b")
            + &product("plastic")
    };
    // Shares of a and b; plastic takes 1.1 t of a per tonne.
    let cases = [
        ("mass", "", "", 30.0 / 40.0),
        (
            "energy",
            "energy_content = { value = 40, unit = \"GJ/t\" }",
            "energy_content = { value = 20, unit = \"GJ/t\" }",
            1200.0 / 1400.0,
        ),
        ("economic", "price = { value = 500, unit = \"1\" }", "price = { value = 3000, unit = \"1\" }", 15.0 / 45.0),
        ("stated", "share = { value = 90, unit = \"%\" }", "share = { value = 0.1, unit = \"1\" }", 0.9),
    ];
    for (allocation, a, b, share) in cases {
        let found = computed(&text(allocation, a, b));
        close(&found[0].direct.value, 100.0 * share / 30.0);
        close(&found[1].direct.value, 100.0 * (1.0 - share) / 10.0);
        close(&found[2].direct.value, 100.0 * share / 30.0 * 1.1);
        assert_eq!(found[2].breakdown[0].process, "cracker");
    }
    let share = |a: &str, b: &str| text("stated", a, b);
    refused(
        &share("share = { value = 90, unit = \"%\" }", "share = { value = 11, unit = \"%\" }"),
        "process[0].output",
        "sum to 1.01",
    );
    let free = ["price = { value = 0, unit = \"1\" }"; 2];
    assert!(matches!(failed(&text("economic", free[0], free[1])), FootprintError::Allocation { .. }));
    refused(&text("stated", "", ""), "process[0].output[0].share", "missing");
    refused(&text("mass", "share = { value = 1, unit = \"1\" }", ""), "process[0].output[0].share", "unknown key");
}

fn supplier(u: f64) -> FootprintStatement {
    let text = format!(
        "[[stream]]\nname = \"gas\"\nprocess = \"slab\"\nmethod = \"process\"\nactivity = {}\n\
         emission_factor = {{ value = 2, unit = \"tCO2/t\", expanded_uncertainty = {u}, coverage_factor = 2, source_id = \"table\" }}\n",
        t(100.0)
    ) + &process(
        "slab",
        100.0,
        "electricity = { amount = { value = 50, unit = \"MWh\" }, factor = { value = 0.8, unit = \"tCO2/MWh\", \
         expanded_uncertainty = 0.08, coverage_factor = 2 } }",
    ) + &product("slab");
    computed(&text).remove(0)
}

fn buyer(sha256: &str) -> String {
    // The buyer burns 10 t by a factor of the same table.
    format!(
        "[[stream]]\nname = \"gas\"\nprocess = \"sheet\"\nmethod = \"process\"\nactivity = {}\n\
         emission_factor = {{ value = 2, unit = \"tCO2/t\", expanded_uncertainty = 0.2, coverage_factor = 2, source_id = \"table\" }}\n",
        t(10.0)
    ) + &process("sheet", 50.0, "")
        + &format!(
            "[[precursor]]\nname = \"slab\"\ncategory = \"c\"\nstatement = \"{sha256}\"\n\
             uses = [{{ process = \"sheet\", amount = {} }}]\n",
            t(60.0)
        )
        + &product("sheet")
}

#[test]
fn a_suppliers_statement_brings_its_sources() {
    let slab = supplier(0.2);
    let plant = plant(&buyer(&slab.digest().to_string()));
    let sheet = with(&plant, std::slice::from_ref(&slab)).unwrap().remove(0);
    // Direct: 0.4 of the buyer and 1.2 × 2 of the supplier. Both by one table with u = 0.1 t/t: u = 0.1 × (0.2 + 1.2), not
    // the root of squares. Indirect: 1.2 × 0.5 MWh × 0.8, u = 1.2 × 0.5 × 0.04.
    close(&sheet.direct.value, 0.4 + 2.4);
    close(&sheet.indirect.value, 0.48);
    close(&sheet.direct.standard_uncertainty, 0.1 * 1.4);
    close(&sheet.indirect.standard_uncertainty, 0.024);
    close(&sheet.total.standard_uncertainty, (0.14_f64 * 0.14 + 0.024 * 0.024).sqrt());
    close(&sheet.electricity.value, 0.6);
    assert_eq!(sheet.inputs.supplier_statements, [slab.digest()]);
    assert_eq!(sheet.budget[0].source, "source/table");
    assert_eq!((sheet.budget[0].direct.as_str(), sheet.budget[0].indirect.as_str()), ("0.14", "0"));
    let improve = improvements(&sheet);
    assert_eq!(improve[0].source, "source/table");
    assert!((improve[0].without - 0.024).abs() < 1e-15);

    assert!(matches!(with(&plant, &[]), Err(FootprintError::NoStatement { .. })));
    let mut other = slab.clone();
    other.method.gwp_set = "AR6".into();
    let by_other = self::plant(&buyer(&other.digest().to_string()));
    assert!(matches!(with(&by_other, &[other]), Err(FootprintError::OtherGwpSet { .. })));
}

#[test]
fn a_statement_of_this_plant_file_is_no_precursor_of_it() {
    let mut own = supplier(0.2);
    let plant = plant(&buyer(&own.digest().to_string()));
    own.inputs.plant_file = plant.digest;
    // The file names the digest of the statement as it was; the statement that claims to rest on the file has another.
    let sources = |statement: FootprintStatement| {
        let evidence = Evidence::empty(plant.site.clone(), plant.period);
        let mut sources = Sources::new(&evidence);
        sources.suppliers.push((supplier(0.2).digest(), statement));
        compute_all(&plant, &sources)
    };
    assert!(matches!(sources(own), Err(FootprintError::Circular { .. })));
}

#[test]
fn a_salt_hides_sources_and_keeps_what_they_share() {
    let open = plant(&buyer(&supplier(0.2).digest().to_string()));
    let salted = Plant::from_toml(
        &format!("{HEAD}{}", buyer(&supplier(0.2).digest().to_string()))
            .replace("title = \"works\"", "title = \"works\"\nsalt = \"0123456789abcdef\""),
    )
    .unwrap();
    let [open, hidden] = [open, salted].map(|plant| with(&plant, &[supplier(0.2)]).unwrap().remove(0));
    assert_eq!(hidden.total.standard_uncertainty, open.total.standard_uncertainty);
    assert_eq!(hidden.budget.len(), open.budget.len());
    assert!(hidden.budget.iter().all(|row| row.source.starts_with("salted/") && row.source.len() == 71));
    refused(&format!("{}x = 1", product("p")), "product[0].x", "unknown key");
    let short = HEAD.replace("title = \"works\"", "title = \"works\"\nsalt = \"short\"");
    assert!(Plant::from_toml(&format!("{short}{}", product("p"))).unwrap_err().to_string().contains("16 characters"));
}

#[test]
fn scrap_carries_nothing() {
    let text = measured("furnace", "p", 10.0, "tCO2")
        + &process("p", 10.0, "")
        + &format!(
            "[[precursor]]\nname = \"scrap\"\ncategory = \"c\"\nscrap = true\n\
             uses = [{{ process = \"p\", amount = {} }}]\n",
            t(8.0)
        )
        + &product("p");
    close(&computed(&text)[0].total.value, 1.0);
    refused(&text.replace("scrap = true", "scrap = false"), "precursor[0].scrap", "must be true");
    refused(&text.replace("scrap = true", "scrap = true\nstatement = \"x\""), "precursor[0]", "one of certificate");
    refused(&text.replace("scrap = true", "statement = \"x\""), "precursor[0].statement", "64 hexadecimal");
}

#[test]
fn factors_come_from_a_set_and_must_fit() {
    let text = |factor: &str, grid: &str| {
        format!(
            "[[stream]]\nname = \"coal\"\nprocess = \"p\"\nmethod = \"combustion\"\nactivity = {}\n\
             net_calorific_value = {{ factor = \"ipcc2006.ncv.anthracite\" }}\nemission_factor = {{ {factor} }}\n",
            t(1000.0)
        ) + &process(
            "p",
            100.0,
            &format!("electricity = {{ amount = {{ value = 100, unit = \"MWh\" }}, factor = {{ {grid} }} }}"),
        ) + &product("p")
    };
    let (coal, grid) = ("factor = \"ipcc2006.co2.anthracite\"", "factor = \"grid.CN.2022\", year = 2022");
    let found = &computed(&text(coal, grid))[0];
    // 26.7 GJ/t × 98.3 t/TJ; 0.5366 t/MWh: the figures of the tables.
    close(&found.direct.value, 1000.0 * 26.7 / 1000.0 * 98.3 / 100.0);
    close(&found.indirect.value, 0.5366);
    let tables: Vec<&str> = found.inputs.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(tables, ["grid-cn 1", "ipcc-2006-fuels 1"]);

    let unfit = |factor: &str, grid: &str| match failed(&text(factor, grid)) {
        FootprintError::Factor { path, source } => (path, source.to_string()),
        other => panic!("{other}"),
    };
    let (path, problem) = unfit(coal, "factor = \"grid.CN.2022\"");
    assert_eq!(path, "process \"p\" electricity factor");
    assert!(problem.contains("no factor for 2023"), "{problem}");
    let (path, problem) = unfit("factor = \"ipcc2006.co2.antracite\"", grid);
    assert_eq!(path, "stream \"coal\" emission factor");
    assert!(problem.contains("did you mean \"ipcc2006.co2.anthracite\""), "{problem}");
    assert!(unfit("factor = \"ipcc2006.process.calcite\"", grid).1.contains("process"));
    assert!(unfit(coal, "factor = \"grid.CN.fossil.2022\", year = 2022").1.contains("electricity-fossil"));
    let fossil = "factor = \"grid.CN.fossil.2022\", year = 2022, kind = \"electricity-fossil\"";
    close(&computed(&text(coal, fossil))[0].indirect.value, 0.8325);
    let elsewhere = text(coal, grid);
    let elsewhere = HEAD.replace("title = \"works\"", "title = \"works\"\nregion = \"KR\"") + &elsewhere;
    let error = with(&Plant::from_toml(&elsewhere).unwrap(), &[]).unwrap_err();
    assert!(error.to_string().contains("no factor for the region \"KR\""), "{error}");
    assert_eq!(error.reason(), "FACTOR_OUTSIDE_REGION");
}

#[test]
fn a_fuel_needs_factors_on_its_own_basis() {
    let text = |activity: &str, rest: &str| {
        format!("[[stream]]\nname = \"s\"\nprocess = \"p\"\nmethod = \"combustion\"\nactivity = {activity}\n{rest}\n")
            + &process("p", 1.0, "")
            + &product("p")
    };
    let litres = "{ value = 100, unit = \"L\" }";
    close(&computed(&text(litres, "emission_factor = { value = 2.5, unit = \"kgCO2/L\" }"))[0].direct.value, 0.25);
    close(&computed(&text(&t(1.0), "emission_factor = { value = 3, unit = \"tCO2/t\" }"))[0].direct.value, 3.0);
    refused(
        &text(litres, "emission_factor = { value = 70, unit = \"tCO2/TJ\" }"),
        "stream[0].emission_factor",
        "expected CO2e per volume",
    );
    refused(
        &text(&t(1.0), "emission_factor = { value = 70, unit = \"tCO2/TJ\" }"),
        "stream[0].net_calorific_value",
        "is missing",
    );
    refused(
        &text(
            &t(1.0),
            "net_calorific_value = { value = 30, unit = \"GJ/t{gross}\" }\n\
             emission_factor = { value = 70, unit = \"tCO2/TJ\" }",
        ),
        "stream[0].net_calorific_value.unit",
        "gross",
    );
    refused(
        &text("{ value = 1, unit = \"kWh\" }", "emission_factor = { value = 0.5, unit = \"kgCO2/kWh\" }"),
        "stream[0].emission_factor.unit",
        "electricity",
    );
    refused(
        &text(
            "{ value = 1, unit = \"TJ\" }",
            "emission_factor = { value = 70, unit = \"tCO2/TJ\" }\nother_gases = [{ value = 1, unit = \"tCO2/TJ\" }]",
        ),
        "stream[0].other_gases[0]",
        "another gas",
    );
}

#[test]
fn a_difference_is_explained_without_a_rest() {
    let before = supplier(0.2);
    let text = |tonnes: f64, factor: f64, see: f64| {
        format!(
            "[[stream]]\nname = \"lime\"\nprocess = \"p\"\nmethod = \"process\"\nactivity = {}\n\
             emission_factor = {{ value = {factor}, unit = \"tCO2/t\" }}\n",
            t(tonnes)
        ) + &measured("acid", "p", 1.0, "tN2O")
            + &process("p", 100.0, "")
            + &format!(
                "[[precursor]]\nname = \"ore\"\ncategory = \"c\"\nsee_direct = {{ value = {see}, unit = \"tCO2e/t\" }}\n\
                 uses = [{{ process = \"p\", amount = {} }}]\n",
                t(10.0)
            )
            + &product("p")
    };
    let [one, two] = [(200.0, 0.4, 1.0), (300.0, 0.5, 1.5)].map(|(a, b, c)| computed(&text(a, b, c)).remove(0));
    let changes = difference(&one, &two);
    let sum = |cause: Cause| changes.iter().filter(|change| change.cause == cause).map(|c| c.value).sum::<f64>();
    // Lime: 0.8 → 1.5; half of the mixed term to each side: 1 × 0.45, 0.1 × 2.5. Ore: 0.1 × 0.5.
    assert!((sum(Cause::Activity) - 0.45).abs() < 1e-12, "{changes:?}");
    assert!((sum(Cause::Factor) - 0.25).abs() < 1e-12);
    assert!((sum(Cause::Supplier) - 0.05).abs() < 1e-12);
    assert_eq!(sum(Cause::Method), 0.0);
    let whole: f64 = changes.iter().map(|change| change.value).sum();
    assert!((whole - (two.total.value.to_f64() - one.total.value.to_f64())).abs() < 1e-12);
    // Potentials of another report: N2O 265 → 273 is the method's doing.
    let mut other = one.clone();
    other.method.gwp_set = "AR6".into();
    let row = other.breakdown.iter_mut().find(|row| row.gas == "N2O").unwrap();
    row.value = "2.73".parse().unwrap();
    row.activity = Some(record::footprint::Amount { value: "1".parse().unwrap(), unit: "t".parse().unwrap() });
    let mut with_activity = one.clone();
    with_activity.breakdown.iter_mut().find(|row| row.gas == "N2O").unwrap().activity =
        Some(record::footprint::Amount { value: "1".parse().unwrap(), unit: "t".parse().unwrap() });
    let changes = difference(&with_activity, &other);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].cause, Cause::Method);
    assert!((changes[0].value - 0.08).abs() < 1e-12);
    assert!(difference(&before, &before).is_empty());
}

#[test]
fn a_picture_holds_what_the_statement_says() {
    let statement = supplier(0.2);
    let svg = waterfall(&statement);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<rect ").count(), 1 + contributions(&statement, By::Source).len() + 1);
    let mut hostile = statement;
    hostile.product.name = "<script>alert(1)</script>&\"".into();
    let svg = waterfall(&hostile);
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"));
}

#[test]
fn uncertainty_goes_through_a_loop_as_through_its_closed_form() {
    // x = (b + u) + 0.5 y, y = 2 + 0.25 x: dx/db = 1/(1 − 0.125); dx/da = x-row need × y.
    let text = "[[process]]\nname = \"x\"\ncategory = \"c\"\nproduction = { value = 100, unit = \"t\" }\n\
        attributed_emissions = { value = 100, unit = \"tCO2e\", expanded_uncertainty = 2, coverage_factor = 2, source_id = \"b\" }\n\
        inputs = [{ process = \"y\", amount = { value = 50, unit = \"t\", expanded_uncertainty = 4, coverage_factor = 2, source_id = \"a\" } }]\n"
        .to_owned()
        + &process(
            "y",
            100.0,
            "attributed_emissions = { value = 200, unit = \"tCO2e\" }\n\
             inputs = [{ process = \"x\", amount = { value = 25, unit = \"t\" } }]",
        )
        + &product("x");
    let found = &computed(&text)[0];
    let need = 1.0 / (1.0 - 0.125);
    close(&found.direct.value, 16.0 / 7.0);
    let row = |source: &str| found.budget.iter().find(|row| row.source == source).unwrap().contribution.clone();
    close(&row("source/b"), need * 0.01);
    close(&row("source/a"), need * 0.02 * 18.0 / 7.0);
    assert_eq!(found.breakdown.iter().filter(|row| row.stage == Stage::Direct).count(), 2);
}

#[test]
fn default_values_carry_their_mark_up() {
    let header = footprint::cbam::DefaultValues::read(b"x").unwrap_err().to_string();
    // The columns are told by the error, so that this table follows them.
    let columns: Vec<&str> = header.rsplit("should be ").next().unwrap().split(',').collect();
    let row = |figures: &[(&str, &str)]| {
        let value = |column: &&str| figures.iter().find(|(name, _)| name == column).map_or("", |(_, value)| *value);
        columns.iter().map(value).collect::<Vec<_>>().join(",")
    };
    let base = [("sector", "Iron"), ("cn_code", "7207"), ("direct", "2"), ("indirect", "0.5"), ("total", "2.5")];
    let marks = [("incl_markup_2026", "2.75"), ("incl_markup_2027", "3"), ("incl_markup_2028", "3.25")];
    let of = |country| row(&[&[("country", country)][..], &base, &marks].concat());
    let table = format!("{}\n{}\n{}\n", columns.join(","), of("*OTHER*"), of("Ruritania"));
    let defaults = footprint::cbam::DefaultValues::read(table.as_bytes()).unwrap();

    let text = |method: &str, year: u16, cn: &str| {
        HEAD.replace("cbam-transitional-2023-1773", method)
            .replace("2023-01-01", &format!("{year}-01-01"))
            .replace("2024-01-01", &format!("{}-01-01", year + 1))
            + &measured("furnace", "p", 10.0, "tCO2")
            + &process("p", 10.0, "")
            + &format!(
                "[[precursor]]\nname = \"slab\"\ncategory = \"c\"\n\
                 default = {{ cn_code = \"72071100\", country = \"Ruritania\" }}\n\
                 uses = [{{ process = \"p\", amount = {} }}]\n",
                t(20.0)
            )
            + &product("p").replace("72010000", cn)
    };
    let run = |text: &str, defaults: Option<footprint::cbam::DefaultValues>| {
        let plant = Plant::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        let evidence = Evidence::empty(plant.site.clone(), plant.period);
        let mut sources = Sources::new(&evidence);
        sources.defaults = defaults;
        compute_all(&plant, &sources)
    };
    // 2026: 10 %. Two tonnes of slab a tonne: 1 + 2 × 2 × 1.1 direct, 2 × 0.5 × 1.1 indirect.
    let transitional = text("cbam-transitional-2023-1773", 2026, "72010000");
    let found = run(&transitional, Some(defaults.clone())).unwrap().remove(0);
    close(&found.direct.value, 5.4);
    close(&found.indirect.value, 1.1);
    close(&found.total.value, 6.5);
    close(&found.quality.default_value_share, 4.4 / 5.4);
    assert_eq!(found.inputs.tables[0].name, "cbam-default-values");
    // From 2026 on, indirect emissions of steel stand beside the total (Regulation (EU) 2023/956, Annex II).
    let found = run(&text("cbam-2026", 2027, "72010000"), Some(defaults.clone())).unwrap().remove(0);
    close(&found.direct.value, 1.0 + 4.0 * 1.2);
    close(&found.total.value, 5.8);
    assert_eq!(found.beside.len(), 1);
    close(&found.beside[0].value, 1.2);
    // Cement is stated per tonne of clinker there.
    let error = run(&text("cbam-2026", 2026, "25232900"), Some(defaults.clone())).unwrap_err();
    assert_eq!((error.reason(), error.path()), ("FUNCTIONAL_UNIT", Some("p")));
    let error = run(&transitional, None).unwrap_err();
    assert_eq!((error.reason(), error.path()), ("DEFAULT_VALUE_MISSING", Some("slab")));
    let error = run(&text("cbam-transitional-2023-1773", 2023, "72010000"), Some(defaults)).unwrap_err();
    assert!(error.to_string().contains("no default values for 2023"), "{error}");
}

const CBAM: &str = "method = \"cbam-2026\"\n\
    [site]\nname = \"organizations/example/sites/works\"\ntitle = \"works\"\nregion = \"CN\"\n\
    [period]\nstart = 2026-01-01T00:00:00Z\nend = 2027-01-01T00:00:00Z\n";

fn by_cbam(text: &str) -> Result<Vec<FootprintStatement>, FootprintError> {
    with(&Plant::from_toml(&format!("{CBAM}{text}")).unwrap_or_else(|error| panic!("{error}")), &[])
}

fn of_clinker(process: &str, cn_code: &str, unit: &str, content: f64) -> String {
    product(process).replace("72010000", cn_code).replace("\"1 t\"", &format!("\"{unit}\""))
        + &format!("content = {{ value = {content}, unit = \"%\", expanded_uncertainty = 1, coverage_factor = 2 }}\n")
}

#[test]
fn goods_are_stated_per_tonne_of_clinker_or_kilogram_of_nitrogen() {
    let used =
        "electricity = { amount = { value = 50, unit = \"MWh\" }, factor = { value = 0.5, unit = \"tCO2/MWh\" } }";
    let works = measured("kiln", "p", 80.0, "tCO2") + &process("p", 100.0, used);
    // 0.8 t and 0.25 t a tonne of goods, four fifths of which are clinker: 1 t and 0.3125 t; u is 0.5 in 80.
    let found = by_cbam(&(works.clone() + &of_clinker("p", "25232900", "1 t clinker", 80.0))).unwrap().remove(0);
    assert_eq!(found.functional_unit, "1 t clinker");
    close(&found.direct.value, 1.0);
    close(&found.indirect.value, 0.3125);
    close(&found.total.value, 1.3125);
    close(&found.total.standard_uncertainty, 1.3125 * 0.5 / 80.0);
    close(&found.production.value, 80.0);
    close(&found.electricity.value, 0.5 / 0.8);
    let parts: f64 = found.breakdown.iter().map(|row| row.value.to_f64()).sum();
    assert!((parts - 1.3125).abs() < 1e-12);
    // Urea: 46 % nitrogen, and CBAM names its kilograms.
    let found = by_cbam(&(works.clone() + &of_clinker("p", "31021012", "1 kg nitrogen", 46.0))).unwrap().remove(0);
    close(&found.direct.value, 0.8 / 0.46);
    for (cn_code, unit, remedy) in [
        ("25232900", "1 kg nitrogen", "1 t clinker"),
        ("28080000", "1 t clinker", "1 kg nitrogen"),
        ("72010000", "1 t clinker", "\"1 t\""),
        ("27160000", "1 t clinker", "no product here"),
    ] {
        let error = by_cbam(&(works.clone() + &of_clinker("p", cn_code, unit, 80.0))).unwrap_err();
        assert_eq!((error.reason(), error.path()), ("FUNCTIONAL_UNIT", Some("p")), "{error}");
        assert!(error.to_string().contains(remedy), "{error}");
    }
    let nothing = works + &of_clinker("p", "25232900", "1 t clinker", 0.0);
    assert!(by_cbam(&nothing).unwrap_err().to_string().contains("above 0"));
}

#[test]
fn a_statement_per_tonne_of_clinker_is_not_weighed_as_goods() {
    let text = measured("kiln", "p", 80.0, "tCO2") + &process("p", 100.0, "");
    let supplied = by_cbam(&(text + &of_clinker("p", "25232900", "1 t clinker", 80.0))).unwrap().remove(0);
    let buyer = buyer(&supplied.digest().to_string()).replace("72010000", "25239000");
    let error = with(&plant(&buyer), &[supplied]).unwrap_err();
    assert_eq!(error.reason(), "SUPPLIER_STATEMENT_UNFIT", "{error}");
}

#[test]
fn indirect_emissions_of_precursors_count_by_their_own_code() {
    // Steel counts direct emissions alone, agglomerated ore both (Regulation (EU) 2023/956, Annex II).
    let precursor = |name: &str, cn_code: &str| {
        format!(
            "[[precursor]]\nname = \"{name}\"\ncategory = \"c\"\n{cn_code}\n\
             see_direct = {{ value = 1, unit = \"tCO2e/t\" }}\nsee_indirect = {{ value = 0.25, unit = \"tCO2e/t\" }}\n\
             uses = [{{ process = \"p\", amount = {} }}]\n",
            t(20.0)
        )
    };
    let used =
        "electricity = { amount = { value = 4, unit = \"MWh\" }, factor = { value = 0.5, unit = \"tCO2/MWh\" } }";
    let works = measured("furnace", "p", 10.0, "tCO2") + &process("p", 10.0, used);
    let text = works.clone()
        + &precursor("ore", "cn_code = \"26011200\"")
        + &precursor("slab", "cn_code = \"72071100\"")
        + &product("p");
    let found = by_cbam(&text).unwrap().remove(0);
    close(&found.direct.value, 1.0 + 2.0 + 2.0);
    close(&found.indirect.value, 0.2 + 0.5 + 0.5);
    close(&found.total.value, 5.5);
    let beside: Vec<&str> = found.beside.iter().map(|row| row.source.as_str()).collect();
    assert_eq!(beside, ["electricity", "slab"]);
    let error = by_cbam(&(works + &precursor("ore", "") + &product("p"))).unwrap_err();
    assert_eq!((error.reason(), error.path()), ("PRECURSOR_CODE_MISSING", Some("ore")), "{error}");
}

#[test]
fn waste_gas_and_heat_take_the_factors_of_the_method() {
    // Natural gas has 56.1 t/TJ in Implementing Regulation (EU) 2025/2547, Annex VII; what is given counts by 0.667.
    let given = "[[exchange]]\nname = \"gas\"\ncarrier = \"waste-gas\"\nfrom = \"oven\"\nto = \"mill\"\n\
                 amount = { value = 1, unit = \"TJ\" }\n";
    let heat = |more: &str| {
        format!(
            "[[exchange]]\nname = \"steam\"\ncarrier = \"heat\"\nto = \"mill\"\n\
             amount = {{ value = 1, unit = \"TJ\" }}\nfuel_factor = {{ value = 90, unit = \"tCO2/TJ\" }}\n{more}\n"
        )
    };
    let works = measured("oven", "oven", 300.0, "tCO2")
        + &measured("mill", "mill", 40.0, "tCO2")
        + &process("oven", 100.0, "")
        + &process("mill", 50.0, "");
    let products = product("oven") + &product("mill");
    let found = by_cbam(&(works.clone() + given + &heat("") + &products)).unwrap();
    close(&found[0].direct.value, (300.0 - 56.1 * 0.667) / 100.0);
    close(&found[1].direct.value, (40.0 + 56.1 + 90.0 / 0.9) / 50.0);
    let known = by_cbam(&(works.clone() + &heat("efficiency = { value = 0.75, unit = \"1\" }") + &products)).unwrap();
    close(&known[1].direct.value, (40.0 + 90.0 / 0.75) / 50.0);
    // The transitional method has neither rule.
    for exchange in [given, &heat("")] {
        let error = failed(&(works.clone() + exchange + &products));
        assert_eq!(error.reason(), "FACTOR_MISSING", "{error}");
    }
}

#[test]
fn direct_emissions_below_zero_count_as_zero() {
    let text = |method: &str| {
        let head = CBAM.replace("cbam-2026", method);
        head + &measured("oven", "p", 30.0, "tCO2")
            + &process("p", 100.0, "")
            + "[[exchange]]\nname = \"steam\"\ncarrier = \"heat\"\nfrom = \"p\"\n\
               amount = { value = 1, unit = \"TJ\" }\n\
               factor = { value = 60, unit = \"tCO2/TJ\", expanded_uncertainty = 6, coverage_factor = 2 }\n"
            + &product("p")
    };
    let run = |method| with(&Plant::from_toml(&text(method)).unwrap(), &[]).unwrap().remove(0);
    let found = run("cbam-2026");
    assert_eq!((found.direct.value.as_str(), found.direct.standard_uncertainty.as_str()), ("0", "0"));
    assert_eq!(found.breakdown.last().unwrap().source, "below zero, counted as zero");
    close(&found.breakdown.last().unwrap().value, 0.3);
    close(&run("cbam-transitional-2023-1773").direct.value, -0.3);
}

#[test]
fn ratings_follow_from_where_figures_come_from() {
    let by = |region: &str, more: &str| {
        let text =
            CBAM.replace("cbam-2026", "iso-14067-cradle-to-gate").replace("2026-", "2025-").replace("2027-", "2026-");
        let text = text.replace("\"CN\"", region)
            + &process("p", 100.0, more).replace("\"t\" }", "\"t\", basis = \"measured\" }")
            + &product("p");
        let plant = Plant::from_toml(&text).unwrap_or_else(|error| panic!("{error}"));
        with(&plant, &[]).unwrap_or_else(|error| panic!("{error}")).remove(0).quality
    };
    let used = |factor: &str| {
        format!(
            "electricity = {{ amount = {{ value = 50, unit = \"MWh\", basis = \"measured\" }}, \
             factor = {{ factor = \"{factor}\", year = 2023 }} }}"
        )
    };
    // The grid of the country, two years old: technology is that of a table, the place is right, the time is fair.
    let found = by("\"CN\"", &used("grid.CN.2023"));
    let pact = found.pact.unwrap();
    assert_eq!([&pact.technological, &pact.geographical, &pact.temporal].map(|r| r.to_f64()), [2.0, 1.0, 2.0]);
    assert_eq!(pact.coverage_percent.to_f64(), 100.0);
    let pef = found.pef.unwrap();
    let ratings = [&pef.technological, &pef.geographical, &pef.temporal, &pef.precision, &pef.overall];
    assert_eq!(ratings.map(|rating| rating.to_f64()), [3.0, 1.0, 2.0, 3.0, 2.25]);
    // Stated without more: nothing is known, so all is poor.
    let stated =
        "electricity = { amount = { value = 50, unit = \"MWh\" }, factor = { value = 0.5, unit = \"tCO2/MWh\" } }";
    let found = by("\"CN\"", stated);
    assert_eq!(found.pact.unwrap().technological.to_f64(), 3.0);
    assert_eq!(found.pef.unwrap().overall.to_f64(), 4.75);
    // Nothing is emitted, nothing is rated.
    assert_eq!(by("\"CN\"", "").pact, None);
}

fn certified(slab: &FootprintStatement) -> Certified {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let certificate = Certificate::new(CertificateDraft {
        number: "slab-1".into(),
        base: "https://log.example".into(),
        issuer: pair("did:web:cb.example", "Body"),
        holder: pair("did:web:plant.example", "Plant"),
        valid_from: at("2024-02-01T00:00:00Z"),
        valid_until: at("2026-02-01T00:00:00Z"),
        assessment_date: jiff::civil::date(2024, 2, 1),
        scheme: pair("https://schemes.example/s", "S"),
        method: pair("https://schemes.example/s/1", "S 1"),
        accreditation_body: pair("did:web:ab.example", "AB"),
        accreditation: ("https://ab.example/a".into(), Digest::of(b"accreditation")),
        product: ("https://plant.example/p".into(), "Slab".into(), "72071100".into()),
        facility: ("https://plant.example/f".into(), "Plant 1".into(), "CN".into()),
        measurement: Measurement::of(slab, at("2024-01-01T00:00:00Z")),
    });
    Certified { certificate: certificate.unwrap(), digest: Sha256::of(b"its entry") }
}

#[test]
fn a_suppliers_certificate_brings_its_figures_and_the_statement_behind_it_its_sources() {
    let slab = supplier(0.2);
    let text = buyer("x").replace("statement = \"x\"", "certificate = \"https://log.example/certificates/slab-1\"");
    let plant = plant(&text);
    let evidence = Evidence::empty(plant.site.clone(), plant.period);
    let run = |sources: &Sources| compute_all(&plant, sources).map(|mut found| found.remove(0));
    let by_certificate = Sources::new(&evidence).with_certificate(certified(&slab));
    let sheet = run(&by_certificate).unwrap();
    // As by the statement; but what it shares with the buyer is not known: 0.1 × 0.2 beside one source of the certificate,
    // in which direct and indirect add up: 1.2 × (0.1 + 0.02).
    close(&sheet.direct.value, 0.4 + 2.4);
    close(&sheet.indirect.value, 0.48);
    close(&sheet.direct.standard_uncertainty, (0.02_f64 * 0.02 + 0.12 * 0.12).sqrt());
    close(&sheet.total.standard_uncertainty, (0.02_f64 * 0.02 + 0.144 * 0.144).sqrt());
    assert_eq!(sheet.budget[0].source, "certificate/https://log.example/certificates/slab-1");
    assert_eq!(sheet.inputs.certificates[0].digest, Sha256::of(b"its entry"));
    assert_eq!(sheet.inputs.supplier_statements, []);
    recompute(&sheet, &plant, &by_certificate).unwrap();
    // With the statement that the certificate names, every source is known.
    let with_statement = by_certificate.clone().with_supplier(slab.clone());
    let sheet = run(&with_statement).unwrap();
    close(&sheet.direct.standard_uncertainty, 0.1 * 1.4);
    assert_eq!(sheet.inputs.supplier_statements, [slab.digest()]);

    let error = run(&Sources::new(&evidence)).unwrap_err();
    assert_eq!((error.reason(), error.path()), ("PRECURSOR_CERTIFICATE_MISSING", Some("slab")));
    for (change, words) in [
        (&(|m: &mut Measurement| m.gwp_set = "AR6".into()) as &dyn Fn(&mut Measurement), "AR6"),
        (&|m| m.functional_unit = "1 t clinker".into(), "1 t clinker"),
        (&|m| m.goods_from = "2024-01-01T00:00:00Z".parse().unwrap(), "after the period"),
    ] {
        let mut other = certified(&slab);
        change(&mut other.certificate.credential_subject.conformity_assessment[0].measurement);
        let error = run(&Sources::new(&evidence).with_certificate(other)).unwrap_err();
        assert_eq!(error.reason(), "PRECURSOR_CERTIFICATE_UNFIT");
        assert!(error.to_string().contains(words), "{error}");
    }
}
