//! A certificate as the calibration of a meter: its errors of indication by load, as found and as left.
//!
//! PTB publishes no refTypes for this, so these are ours; `template/README.md` describes them for laboratories. A table
//! is a `dcc:list` (or a `dcc:data` without lists) whose quantities bear [`LOAD`] and [`ERROR`], one value a point; the
//! table, or any element around it, bears [`AS_FOUND`] or [`AS_LEFT`]. Names identify nothing.

use jiff::civil::Date;
use quantity::{Decimal, DecimalError};
use serde::Serialize;

use crate::certificate::{Dcc, Item, Refs, SignatureState};
use crate::dsi::{Data, Real, Uncertainty};
use crate::error::{At, DccError};
use crate::number::Number;
use crate::result::{Datum, Quantity, Value};
use crate::unit::{Dimension, Unit};
use crate::version::Version;

/// Results before any adjustment.
pub const AS_FOUND: &str = "touchstone_asFound";
/// Results after adjustment, or of an instrument that was not adjusted.
pub const AS_LEFT: &str = "touchstone_asLeft";
/// The load of each point: current, power, flow, mass, whatever the instrument is loaded with.
pub const LOAD: &str = "touchstone_load";
/// The load of each point as a share of the nominal current.
pub const CURRENT_FRACTION: &str = "touchstone_currentFraction";
/// The power factor of each point, or one for all.
pub const POWER_FACTOR: &str = "touchstone_powerFactor";
/// (indicated − true) / true of each point, in `\percent` or `\one`.
pub const ERROR: &str = "touchstone_relativeErrorOfIndication";

/// The calibration of one meter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeterCalibration {
    /// Number of the certificate.
    pub certificate: String,
    /// Version of the schema it follows.
    pub schema_version: Version,
    /// Name of the laboratory, in English where it has one.
    pub laboratory: String,
    /// Code of the laboratory, as a rule that of its accreditation.
    pub laboratory_code: Option<String>,
    /// Serial number of the meter.
    pub serial_number: String,
    /// First day of the calibration.
    pub begin: Date,
    /// Last day of the calibration.
    pub end: Date,
    /// Day of issue, where the certificate has one.
    pub issued: Option<Date>,
    /// Points before any adjustment, loads rising at each power factor; empty where it was not calibrated then.
    pub as_found: Vec<Point>,
    /// Points as the meter was left, in the same order; empty where it was not calibrated then.
    pub as_left: Vec<Point>,
    /// Whether PTB's Schematron rules were run: never, by this crate.
    pub schematron_checked: bool,
    /// What is known of the signature.
    pub signature: SignatureState,
}

/// The error of indication at one load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The load.
    pub load: Load,
    /// The load in percent of the nominal current, where stated.
    pub current_percent: Option<Decimal>,
    /// The power factor, where stated.
    pub power_factor: Option<Decimal>,
    /// Relative error of indication in percent.
    pub error_percent: Decimal,
    /// Its expanded uncertainty U = k·u in percentage points. A certificate that states u alone has k = 1.
    pub expanded_uncertainty_percent: Decimal,
    /// k.
    pub coverage_factor: Decimal,
    /// Probability of the interval ±U, where U was stated.
    pub coverage_probability: Option<Decimal>,
    /// Distribution, as written.
    pub distribution: Option<String>,
}

/// A load with its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    /// The value with its digits.
    pub value: Decimal,
    /// The unit.
    pub unit: Unit,
}

/// The calibration of the meter of this serial number. Refused are templates, certificates for other instruments, impossible
/// dates, and tables of which any point lacks its load, error or uncertainty.
pub fn points(dcc: &Dcc, serial_number: &str) -> Result<MeterCalibration, DccError> {
    if !dcc.template_marks.is_empty() {
        return Err(DccError::Template { marks: dcc.template_marks.clone() });
    }
    let item = item_of(dcc, serial_number)?;
    dcc.core.check_dates()?;
    let mut search = Search { dcc, item, tables: Vec::new(), others: 0, ref_types: Vec::new() };
    for result in &dcc.results {
        for entry in &result.results {
            search.table(&entry.data, &mut vec![&result.refs, &entry.refs])?;
        }
    }
    let Some(first) = search.tables.first() else {
        return Err(match search.others {
            0 => DccError::NoRefType { what: "quantity", ref_type: ERROR, found: search.ref_types },
            _ => DccError::ItemNotReferenced { serial_number: serial_number.to_owned(), items: dcc.items.len() },
        });
    };
    // Loads are compared across tables: the first one says what is measured.
    let first = column(first.load, LOAD)?.first().and_then(|real| real.unit.known()).map(Unit::dimension);
    let dimension = first.unwrap_or(Dimension::ONE);
    let (mut as_found, mut as_left) = (Points::default(), Points::default());
    for table in &search.tables {
        if table.as_found { as_found.add(table, dimension)? } else { as_left.add(table, dimension)? }
    }
    let name = dcc.laboratory.contacts.first().and_then(|contact| contact.name.in_language("en"));
    Ok(MeterCalibration {
        certificate: dcc.core.unique_identifier.clone(),
        schema_version: dcc.version,
        laboratory: name.unwrap_or_default().to_owned(),
        laboratory_code: dcc.laboratory.code.clone(),
        serial_number: serial_number.to_owned(),
        begin: dcc.core.begin_performance_date,
        end: dcc.core.end_performance_date,
        issued: dcc.core.issue_date,
        as_found: as_found.points,
        as_left: as_left.points,
        schematron_checked: dcc.schematron_checked,
        signature: dcc.signature,
    })
}

fn item_of<'d>(dcc: &'d Dcc, serial_number: &str) -> Result<&'d Item, DccError> {
    let item = dcc.items.iter().find(|item| item.serial_numbers().contains(&serial_number));
    item.ok_or_else(|| DccError::OtherInstrument {
        asked: serial_number.to_owned(),
        found: dcc.items.iter().flat_map(Item::serial_numbers).map(str::to_owned).collect(),
    })
}

/// A table of points as it stands in the certificate.
struct Table<'d> {
    as_found: bool,
    error: &'d Quantity,
    load: &'d Quantity,
    current_fraction: Option<&'d Quantity>,
    power_factor: Option<&'d Quantity>,
}

struct Search<'d> {
    dcc: &'d Dcc,
    item: &'d Item,
    tables: Vec<Table<'d>>,
    /// Tables that refer to other items, or to none where there are several.
    others: usize,
    /// refTypes of quantities met, to name what stands there instead.
    ref_types: Vec<String>,
}

impl<'d> Search<'d> {
    /// The table among these, and in the lists inside.
    fn table(&mut self, data: &'d [Datum], around: &mut Vec<&'d Refs>) -> Result<(), DccError> {
        let mut quantities = Vec::new();
        for datum in data {
            match datum {
                Datum::Quantity(quantity) => quantities.push(&**quantity),
                Datum::List(list) => {
                    around.push(&list.refs);
                    self.table(&list.data, around)?;
                    around.pop();
                }
                Datum::Kept(_) => {}
            }
        }
        for ref_type in quantities.iter().flat_map(|quantity| &quantity.refs.ref_types) {
            if !self.ref_types.contains(ref_type) {
                self.ref_types.push(ref_type.clone());
            }
        }
        let Some(error) = only(&quantities, ERROR)? else { return Ok(()) };
        around.push(&error.refs);
        let (belongs, state) = (self.belongs(around), state(around, &error.at));
        around.pop();
        if !belongs {
            self.others += 1;
            return Ok(());
        }
        let as_found = state?;
        let load = only(&quantities, LOAD)?.ok_or_else(|| DccError::NoRefType {
            what: "quantity beside the errors of indication",
            ref_type: LOAD,
            found: quantities.iter().flat_map(|quantity| quantity.refs.ref_types.clone()).collect(),
        })?;
        let (current_fraction, power_factor) = (only(&quantities, CURRENT_FRACTION)?, only(&quantities, POWER_FACTOR)?);
        self.tables.push(Table { as_found, error, load, current_fraction, power_factor });
        Ok(())
    }

    /// Whether what stands within these is of the item: there is no other, or its id and no other item's is referred
    /// to.
    fn belongs(&self, around: &[&Refs]) -> bool {
        let mut named = around.iter().flat_map(|refs| &refs.ref_ids);
        let is_item = |id: &&String| self.dcc.items.iter().any(|item| item.refs.id.as_ref() == Some(id));
        let others = named.clone().filter(is_item).any(|id| self.item.refs.id.as_ref() != Some(id));
        let named = named.any(|id| self.item.refs.id.as_ref() == Some(id));
        !others && (named || self.dcc.items.len() == 1)
    }
}

/// Whether the results within these are as found; otherwise they are as left.
fn state(around: &[&Refs], at: &At) -> Result<bool, DccError> {
    let means = |ref_type| around.iter().any(|refs| refs.means(ref_type));
    match (means(AS_FOUND), means(AS_LEFT)) {
        (true, false) => Ok(true),
        (false, true) => Ok(false),
        (true, true) => Err(DccError::AmbiguousRefType { at: at.clone(), ref_type: AS_FOUND }),
        (false, false) => Err(DccError::NoRefType {
            what: "result around the errors of indication",
            ref_type: "touchstone_asFound or touchstone_asLeft",
            found: around.iter().flat_map(|refs| refs.ref_types.clone()).collect(),
        }),
    }
}

/// The one quantity of this meaning, if any.
fn only<'d>(quantities: &[&'d Quantity], ref_type: &'static str) -> Result<Option<&'d Quantity>, DccError> {
    let mut found = quantities.iter().filter(|quantity| quantity.refs.means(ref_type));
    match (found.next(), found.next()) {
        (_, Some(second)) => Err(DccError::AmbiguousRefType { at: second.at.clone(), ref_type }),
        (first, None) => Ok(first.copied()),
    }
}

/// The values of a quantity. Of a hybrid the first member in units of D-SI is taken, for errors the first that has its
/// uncertainties.
fn column<'d>(quantity: &'d Quantity, ref_type: &'static str) -> Result<&'d [Real], DccError> {
    let refused = |found: &str| DccError::Form { at: quantity.at.clone(), ref_type, found: found.to_owned() };
    let known = |reals: &&[Real]| reals.iter().all(|real| real.unit.known().is_some());
    match &quantity.value {
        Value::Data(Data::Hybrid(members)) => {
            let usable = || members.iter().filter_map(Data::reals).filter(known);
            let uncertain = |reals: &&[Real]| reals.iter().all(|real| real.uncertainty.is_some());
            let first = usable().find(uncertain).filter(|_| ref_type == ERROR).or_else(|| usable().next());
            first.ok_or_else(|| refused("si:hybrid without such a member"))
        }
        Value::Data(Data::Constant(_)) => Err(refused("si:constant")),
        Value::Data(Data::Lists(_)) => Err(refused("si:list")),
        Value::Data(Data::NotRead(kept)) => Err(refused(&kept.element)),
        Value::Data(data) => data.reals().ok_or_else(|| refused("another form")),
        Value::Text(_) => Err(refused("noQuantity")),
        Value::Words(_) => Err(refused("charsXMLList")),
    }
}

/// As [`column`], with as many values as there are points; a power factor may be one for all.
fn column_beside<'d>(
    quantity: Option<&'d Quantity>,
    ref_type: &'static str,
    points: usize,
) -> Result<Option<&'d [Real]>, DccError> {
    let Some(quantity) = quantity else { return Ok(None) };
    let reals = column(quantity, ref_type)?;
    if reals.len() == points || (reals.len() == 1 && ref_type == POWER_FACTOR) {
        return Ok(Some(reals));
    }
    Err(length(quantity, ref_type, reals.len(), points))
}

fn length(quantity: &Quantity, ref_type: &str, len: usize, values: usize) -> DccError {
    DccError::ListLength { at: quantity.at.clone(), element: ref_type.to_owned(), len, values }
}

fn decimal(number: &Number, at: &At) -> Result<Decimal, DccError> {
    number.to_decimal().map_err(|error| digits(number, at, error))
}

fn digits(number: &Number, at: &At, error: DecimalError) -> DccError {
    DccError::Digits { at: at.clone(), text: number.as_str().to_owned(), error }
}

/// A number of dimension one, scaled to percent (`1`: by powers of ten alone) or to one.
fn pure(number: &Number, real: &Real, at: &At, point: usize, to: &str) -> Result<Decimal, DccError> {
    if number.is_nan() {
        return Err(DccError::NotANumber { at: at.clone(), point });
    }
    let dimension = || DccError::Dimension {
        at: at.clone(),
        unit: real.unit.as_str().to_owned(),
        expected: "a ratio; write \\percent or \\one".to_owned(),
    };
    // Both units are in the table, see its tests.
    let (from, to) = (real.unit.known().ok_or_else(dimension)?, to.parse::<Unit>().map_err(|_| dimension())?);
    if !from.same_dimension(&to) {
        return Err(dimension());
    }
    from.rescale(number, &to).ok_or_else(|| digits(number, at, DecimalError::OutOfRange))
}

/// Points of one state, and what their order hangs on.
#[derive(Default)]
struct Points {
    points: Vec<Point>,
    /// Power factor and load in base units of each.
    order: Vec<(Option<f64>, f64)>,
}

impl Points {
    fn add(&mut self, table: &Table, dimension: Dimension) -> Result<(), DccError> {
        let errors = column(table.error, ERROR)?;
        let loads = column(table.load, LOAD)?;
        if loads.len() != errors.len() {
            return Err(length(table.load, LOAD, loads.len(), errors.len()));
        }
        let fractions = column_beside(table.current_fraction, CURRENT_FRACTION, errors.len())?;
        let factors = column_beside(table.power_factor, POWER_FACTOR, errors.len())?;
        let of =
            |column: Option<&[Real]>, i: usize| column.map(|reals| reals[if reals.len() == 1 { 0 } else { i }].clone());
        for (i, (error, load)) in errors.iter().zip(loads).enumerate() {
            let point = i + 1;
            let beside = |quantity: Option<&Quantity>, real: Option<Real>, to| {
                let (Some(quantity), Some(real)) = (quantity, real) else { return Ok(None) };
                pure(&real.value, &real, &quantity.at, point, to).map(Some)
            };
            let power_factor = beside(table.power_factor, of(factors, i), "\\one")?;
            let current_percent = beside(table.current_fraction, of(fractions, i), "\\percent")?;
            let (load, base) = self.load(load, &table.load.at, point, dimension)?;
            self.in_order(&load, power_factor.as_ref(), base, &table.load.at, point)?;
            let error_percent = pure(&error.value, error, &table.error.at, point, "\\percent")?;
            let stated = stated(table.error, error, point)?;
            self.points.push(Point {
                load,
                current_percent,
                power_factor,
                error_percent,
                expanded_uncertainty_percent: pure(stated.expanded, error, &table.error.at, point, "\\percent")?,
                coverage_factor: stated
                    .coverage_factor
                    .map_or(Ok(Decimal::from(1)), |k| decimal(k, &table.error.at))?,
                coverage_probability: stated.probability.map(|p| decimal(p, &table.error.at)).transpose()?,
                distribution: stated.distribution.cloned(),
            });
        }
        Ok(())
    }

    fn load(&self, real: &Real, at: &At, point: usize, dimension: Dimension) -> Result<(Load, f64), DccError> {
        if real.value.is_nan() {
            return Err(DccError::NotANumber { at: at.clone(), point });
        }
        let refused =
            |expected: String| DccError::Dimension { at: at.clone(), unit: real.unit.as_str().to_owned(), expected };
        let unit = real.unit.known().ok_or_else(|| refused("a load".to_owned()))?;
        if unit.dimension() != dimension {
            return Err(refused(format!("the first load, {dimension}")));
        }
        let base = unit.to_base(&real.value).ok_or_else(|| refused("a load".to_owned()))?;
        Ok((Load { value: decimal(&real.value, at)?, unit: unit.clone() }, base))
    }

    /// Loads rise, at each power factor for itself: so that none stands twice and none was put beside another's error.
    fn in_order(
        &mut self,
        load: &Load,
        power_factor: Option<&Decimal>,
        base: f64,
        at: &At,
        point: usize,
    ) -> Result<(), DccError> {
        let power_factor = power_factor.map(Decimal::to_f64);
        let before = self.order.iter().rposition(|(factor, _)| *factor == power_factor);
        self.order.push((power_factor, base));
        let Some(before) = before.filter(|before| self.order[*before].1 >= base) else { return Ok(()) };
        let shown = |load: &Load| format!("{} {}", load.value, load.unit);
        let previous = shown(&self.points[before].load);
        Err(DccError::LoadOrder { at: at.clone(), point, load: shown(load), previous })
    }
}

/// What is stated of an uncertainty; without k it is a standard uncertainty.
struct Stated<'d> {
    expanded: &'d Number,
    coverage_factor: Option<&'d Number>,
    probability: Option<&'d Number>,
    distribution: Option<&'d String>,
}

fn stated<'d>(quantity: &Quantity, real: &'d Real, point: usize) -> Result<Stated<'d>, DccError> {
    let at = || quantity.at.clone();
    let stated = match &real.uncertainty {
        None if quantity.relative_uncertainty.is_some() => return Err(DccError::OnlyRelativeUncertainty { at: at() }),
        None => return Err(DccError::NoUncertainty { at: at(), point }),
        Some(Uncertainty::Expanded { expanded, coverage_factor, coverage_probability, distribution }) => Stated {
            expanded,
            coverage_factor: Some(coverage_factor),
            probability: Some(coverage_probability),
            distribution: distribution.as_ref(),
        },
        // The ends of an interval need not lie evenly about the value, so they are no U; u with k = 1 is.
        Some(
            Uncertainty::Standard { standard, distribution } | Uncertainty::Interval { standard, distribution, .. },
        ) => {
            Stated { expanded: standard, coverage_factor: None, probability: None, distribution: distribution.as_ref() }
        }
    };
    let above_zero = "a number above 0";
    let checks = [
        ("the uncertainty", Some(stated.expanded), above_zero),
        ("the coverage factor", stated.coverage_factor, above_zero),
        ("the coverage probability", stated.probability, "a probability above 0"),
    ];
    for (what, number, expected) in checks {
        // NaN is not above zero either.
        if let Some(number) = number.filter(|number| number.is_nan() || number.to_f64() <= 0.0) {
            let found = number.as_str().to_owned();
            return Err(DccError::Uncertainty { at: at(), point, what, found, expected });
        }
    }
    Ok(stated)
}
