//! The search for a factor: it answers with one factor that fits everything asked, or says what stands in the way.

use quantity::{Gas, GwpSet};

use super::plausible::{Implausible, plausible};
use super::{Basis, Counted, Factor, FactorKind, FactorSet, Years};

/// What is asked of a set. Everything that is stated must fit; what is not stated must not matter.
#[derive(Debug, Clone, Default)]
pub struct Query<'a> {
    /// Id: it settles which of several official values is meant, and that an unusual value is meant. Everything else
    /// that is stated must fit all the same.
    pub id: Option<&'a str>,
    /// Fuel, material, service, by the name of the table.
    pub activity: Option<&'a str>,
    /// What it is for.
    pub kind: Option<FactorKind>,
    /// The gas wanted; absent: all gases, as CO2e.
    pub gas: Option<Gas>,
    /// Whether a factor to CO2 alone will do where one to CO2e was wanted.
    pub co2_will_do: bool,
    /// Heating value basis of the activity it will be multiplied with.
    pub basis: Option<Basis>,
    /// Sector of the user: `manufacturing`, `energy`, `commercial`, `residential`.
    pub sector: Option<&'a str>,
    /// Region of the user, by the name of the table.
    pub region: Option<&'a str>,
    /// Year of the activity.
    pub year: Option<u16>,
    /// Set of potentials of the method.
    pub gwp: Option<GwpSet>,
}

impl<'a> Query<'a> {
    /// A query for the factor of this id.
    pub fn id(id: &'a str) -> Self {
        Query { id: Some(id), ..Query::default() }
    }

    /// A query for a factor of this kind and activity.
    pub fn of(kind: FactorKind, activity: &'a str) -> Self {
        Query { kind: Some(kind), activity: Some(activity), ..Query::default() }
    }
}

/// Why there is no one factor.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FactorError {
    /// Neither an id nor an activity was asked for.
    #[error("name the factor by its id, or its activity and kind")]
    NothingAsked,
    /// No factor of this id.
    #[error("factor {id:?} is not in {set}; {}", suggest(.nearest))]
    UnknownId {
        /// Id asked for.
        id: String,
        /// The set.
        set: String,
        /// The nearest id.
        nearest: Option<String>,
    },
    /// No factor of this activity.
    #[error("{set} has no factor for {activity:?}; {}", suggest(.nearest))]
    UnknownActivity {
        /// Activity asked for.
        activity: String,
        /// The set.
        set: String,
        /// The nearest activity.
        nearest: Option<String>,
    },
    /// The factor is of another activity than asked.
    #[error("factor {id} is for {found:?}, not for {asked:?}")]
    OtherActivity {
        /// Factor.
        id: String,
        /// Activity of the factor.
        found: String,
        /// Activity asked for.
        asked: String,
    },
    /// Generation in place of consumption, a residual in place of an average, a fuel factor in place of a process factor.
    #[error("asked {asked}, but {} {} is {}: they are different figures of the same thing; name the one that the method allows by its id", noun(.ids), .ids.join(", "), kinds(.found))]
    OtherKind {
        /// Kind asked for.
        asked: FactorKind,
        /// Kinds found.
        found: Vec<FactorKind>,
        /// Factors found.
        ids: Vec<String>,
    },
    /// CO2 alone where CO2e was asked for.
    #[error(
        "factor {id} counts CO2 alone: it is no factor to CO2e; add CH4 and N2O by their own factors, or state that CO2 will do"
    )]
    Co2Only {
        /// Factor.
        id: String,
    },
    /// CO2e, or another gas, where a gas was asked for.
    #[error("asked {asked}, but factor {id} counts {found}")]
    OtherGas {
        /// What was asked for.
        asked: String,
        /// What was found.
        found: Counted,
        /// Factor.
        id: String,
    },
    /// CO2e by other potentials than the method's, or by potentials that the source does not state.
    #[error(
        "factor {id} is {found}, and the method uses {asked}; take factors by gas, or name this one by its id where the method allows it"
    )]
    OtherPotentials {
        /// Factor.
        id: String,
        /// What it counts.
        found: Counted,
        /// Set of the method.
        asked: GwpSet,
    },
    /// A factor on the gross basis for energy on the net basis, or the other way round.
    #[error(
        "factor {id} rests on the {found} calorific value and the activity on the {asked} one: a product would be about 5 % (coal, oil) or 10 % (gas) wrong; state the activity on the {found} basis"
    )]
    HeatingValueBasis {
        /// Factor.
        id: String,
        /// Basis of the factor.
        found: Basis,
        /// Basis of the activity.
        asked: Basis,
    },
    /// CH4 or N2O of another sector: the same fuel burns otherwise elsewhere.
    #[error("no factor for the sector {asked:?}; there are factors for {}", .found.join(", "))]
    OtherSector {
        /// Sector asked for.
        asked: String,
        /// Sectors found, with the ids.
        found: Vec<String>,
    },
    /// The sector matters and was not stated.
    #[error("the factor depends on the sector ({}): state yours", .found.join(", "))]
    SectorNeeded {
        /// Sectors found.
        found: Vec<String>,
    },
    /// No factor for the region.
    #[error("no factor for the region {asked:?}; there are factors for {}", .found.join(", "))]
    OutsideRegion {
        /// Region asked for.
        asked: String,
        /// Regions found, at most ten.
        found: Vec<String>,
    },
    /// No factor for the year.
    #[error("no factor for {asked}; there are factors for {}", .found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    OutsideYear {
        /// Year asked for.
        asked: u16,
        /// Years found.
        found: Vec<Years>,
    },
    /// The factor was superseded.
    #[error("factor {id} is superseded by {by}: use that, or the edition of the table in which it was current")]
    Superseded {
        /// Factor.
        id: String,
        /// Its successor.
        by: String,
    },
    /// Several official values fit.
    #[error("{} factors fit: {}; name one by its id", .ids.len(), .ids.join(", "))]
    Ambiguous {
        /// Factors found.
        ids: Vec<String>,
    },
    /// A value beyond what its kind can be.
    #[error("factor {id}: {source}; where it is meant all the same, name it by its id")]
    Implausible {
        /// Factor.
        id: String,
        /// Why.
        source: Implausible,
    },
}

fn suggest(nearest: &Option<String>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => "nothing there is like it".to_owned(),
    }
}

fn noun(ids: &[String]) -> &'static str {
    if ids.len() == 1 { "factor" } else { "factors" }
}

fn kinds(found: &[FactorKind]) -> String {
    found.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" or ")
}

/// What an error shows of many.
const MAX_SHOWN: usize = 10;

/// Texts, each once, in order, a few of them.
fn few<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        if !found.iter().any(|known| known == text.as_ref()) {
            found.push(text.as_ref().to_owned());
        }
        if found.len() == MAX_SHOWN {
            break;
        }
    }
    found
}

fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|known| (strsim::jaro_winkler(known, text), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known.to_owned())
}

impl FactorSet {
    /// The one factor that fits.
    ///
    /// # Errors
    /// [`FactorError`]: what stands in the way, of all that fits so far.
    pub fn find(&self, query: &Query<'_>) -> Result<&Factor, FactorError> {
        let mut found = self.candidates(query)?;
        self.kind(query, &mut found)?;
        gas(query, &mut found)?;
        basis(query, &mut found)?;
        sector(query, &mut found)?;
        region(query, &mut found)?;
        year(query, &mut found)?;
        superseded(&mut found)?;
        match found[..] {
            [] => Err(FactorError::NothingAsked),
            [factor] => {
                if query.id.is_none() {
                    plausible(&factor.value, factor.unit)
                        .map_err(|source| FactorError::Implausible { id: factor.id.clone(), source })?;
                }
                Ok(factor)
            }
            _ => Err(FactorError::Ambiguous { ids: found.iter().map(|factor| factor.id.clone()).collect() }),
        }
    }

    fn candidates(&self, query: &Query<'_>) -> Result<Vec<&Factor>, FactorError> {
        if let Some(id) = query.id {
            let unknown = || FactorError::UnknownId {
                id: id.to_owned(),
                set: self.id.clone(),
                nearest: nearest(id, self.factors.iter().map(|factor| factor.id.as_str())),
            };
            let factor = self.factors.iter().find(|factor| factor.id == id).ok_or_else(unknown)?;
            return match query.activity {
                Some(asked) if asked != factor.activity => Err(FactorError::OtherActivity {
                    id: factor.id.clone(),
                    found: factor.activity.clone(),
                    asked: asked.to_owned(),
                }),
                _ => Ok(vec![factor]),
            };
        }
        let activity = query.activity.ok_or(FactorError::NothingAsked)?;
        let found: Vec<&Factor> = self.factors.iter().filter(|factor| factor.activity == activity).collect();
        if found.is_empty() {
            return Err(FactorError::UnknownActivity {
                activity: activity.to_owned(),
                set: self.id.clone(),
                nearest: nearest(activity, self.factors.iter().map(|factor| factor.activity.as_str())),
            });
        }
        Ok(found)
    }

    fn kind(&self, query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
        // An id says which figure is meant; a kind stated beside it must still be the factor's.
        let Some(asked) = query.kind else { return Ok(()) };
        let others = std::mem::take(found);
        found.extend(others.iter().filter(|factor| factor.kind == asked));
        if found.is_empty() {
            // Those of the place and the year asked for say most.
            let near: Vec<&Factor> = others
                .iter()
                .copied()
                .filter(|f| query.region.is_none() || f.region.is_none() || f.region.as_deref() == query.region)
                .filter(|f| query.year.is_none_or(|year| f.years.contain(year)))
                .collect();
            let shown = if near.is_empty() { others } else { near };
            let mut kinds: Vec<FactorKind> = shown.iter().map(|factor| factor.kind).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let ids = few(shown.iter().map(|factor| &factor.id));
            return Err(FactorError::OtherKind { asked, found: kinds, ids });
        }
        Ok(())
    }
}

fn gas(query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let others = std::mem::take(found);
    let Some(first) = others.first() else { return Ok(()) };
    let other = |asked: String| FactorError::OtherGas { asked, found: first.counted, id: first.id.clone() };
    match query.gas {
        Some(gas) => {
            found.extend(others.iter().filter(|f| f.counted == Counted::Gas(gas) || f.counted == Counted::Nothing));
            if found.is_empty() { Err(other(gas.to_string())) } else { Ok(()) }
        }
        None => {
            found.extend(others.iter().filter(|f| matches!(f.counted, Counted::Co2e(_) | Counted::Nothing)));
            if found.is_empty() {
                let co2: Vec<&Factor> =
                    others.iter().copied().filter(|f| f.counted == Counted::Gas(Gas::Co2)).collect();
                return match co2.first() {
                    Some(_) if query.co2_will_do => {
                        *found = co2;
                        Ok(())
                    }
                    Some(factor) => Err(FactorError::Co2Only { id: factor.id.clone() }),
                    None => Err(other("CO2e".to_owned())),
                };
            }
            // The same potentials as the method's, or named by id where the source states none.
            let Some(asked) = query.gwp else { return Ok(()) };
            let others = found.clone();
            found.retain(|f| match f.counted {
                Counted::Co2e(Some(set)) => set == asked,
                Counted::Co2e(None) => query.id.is_some(),
                _ => true,
            });
            match others.first() {
                Some(factor) if found.is_empty() => {
                    Err(FactorError::OtherPotentials { id: factor.id.clone(), found: factor.counted, asked })
                }
                _ => Ok(()),
            }
        }
    }
}

fn basis(query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let Some(asked) = query.basis else { return Ok(()) };
    let others = found.clone();
    found.retain(|factor| factor.basis == asked);
    match others.first() {
        Some(factor) if found.is_empty() => {
            Err(FactorError::HeatingValueBasis { id: factor.id.clone(), found: factor.basis, asked })
        }
        _ => Ok(()),
    }
}

fn sector(query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let stated = |found: &[&Factor]| {
        few(found.iter().filter_map(|f| f.sector.as_ref().map(|sector| format!("{sector} ({})", f.id))))
    };
    let Some(asked) = query.sector else {
        // One factor for one sector alone is not for everybody either; by its id it is meant.
        let sectors = stated(found);
        return if query.id.is_none() && !sectors.is_empty() {
            Err(FactorError::SectorNeeded { found: sectors })
        } else {
            Ok(())
        };
    };
    let others = found.clone();
    found.retain(|factor| factor.sector.as_deref().is_none_or(|sector| sector == asked));
    if found.is_empty() {
        return Err(FactorError::OtherSector { asked: asked.to_owned(), found: stated(&others) });
    }
    Ok(())
}

fn region(query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let Some(asked) = query.region else { return Ok(()) };
    let others = found.clone();
    found.retain(|factor| factor.region.as_deref() == Some(asked));
    if found.is_empty() {
        // What is for every region is for this one too; what is for another is not.
        found.extend(others.iter().filter(|factor| factor.region.is_none()));
    }
    if found.is_empty() {
        let regions = few(others.iter().filter_map(|factor| factor.region.as_deref()));
        return Err(FactorError::OutsideRegion { asked: asked.to_owned(), found: regions });
    }
    Ok(())
}

fn year(query: &Query<'_>, found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let Some(asked) = query.year else { return Ok(()) };
    let others = found.clone();
    found.retain(|factor| factor.years.contain(asked));
    if found.is_empty() {
        let mut years: Vec<Years> = others.iter().map(|factor| factor.years).collect();
        years.dedup();
        years.truncate(MAX_SHOWN);
        return Err(FactorError::OutsideYear { asked, found: years });
    }
    Ok(())
}

fn superseded(found: &mut Vec<&Factor>) -> Result<(), FactorError> {
    let others = found.clone();
    found.retain(|factor| factor.superseded_by.is_none());
    match others.first() {
        Some(factor) if found.is_empty() => {
            Err(FactorError::Superseded { id: factor.id.clone(), by: factor.superseded_by.clone().unwrap_or_default() })
        }
        _ => Ok(()),
    }
}
