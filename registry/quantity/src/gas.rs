//! Greenhouse gases: as values, and as types that keep their masses apart.

use std::fmt;

macro_rules! gases {
    ($($(#[$doc:meta])* $gas:ident: $formula:literal;)*) => {
        /// A greenhouse gas, where it is known only at run time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Gas {
            $($(#[$doc])* $gas,)*
        }

        impl Gas {
            /// Every gas, in the order of the table.
            pub const ALL: &'static [Gas] = &[$(Gas::$gas),*];

            /// Its formula or name, as unit codes and tables write it.
            pub fn formula(self) -> &'static str {
                match self { $(Gas::$gas => $formula,)* }
            }
        }

        /// The gases as types.
        pub mod species {
            use super::{Gas, Species};

            $(
                $(#[$doc])*
                #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
                pub struct $gas;

                impl Species for $gas {
                    const GAS: Gas = Gas::$gas;
                }
            )*
        }
    };
}

/// A gas as a type, so that a mass of one is never taken for a mass of another.
pub trait Species: fmt::Debug + Clone + Copy + PartialEq + PartialOrd + Send + Sync + 'static {
    /// The same at run time.
    const GAS: Gas;
}

// One row a gas. Names of hydrofluorocarbons by ASHRAE 34; methane by origin as IPCC AR6 WG1 Table 7.15 tells it apart.
gases! {
    /// Carbon dioxide.
    Co2: "CO2";
    /// Methane whose origin is not stated.
    Ch4: "CH4";
    /// Methane of fossil origin.
    FossilCh4: "CH4-fossil";
    /// Methane of other than fossil origin.
    NonFossilCh4: "CH4-nonfossil";
    /// Nitrous oxide.
    N2o: "N2O";
    /// Sulfur hexafluoride.
    Sf6: "SF6";
    /// Nitrogen trifluoride.
    Nf3: "NF3";
    /// Tetrafluoromethane (PFC-14).
    Cf4: "CF4";
    /// Hexafluoroethane (PFC-116).
    C2f6: "C2F6";
    /// Octafluoropropane (PFC-218).
    C3f8: "C3F8";
    /// Octafluorocyclobutane (PFC-318).
    CC4f8: "c-C4F8";
    /// Trifluoromethane.
    Hfc23: "HFC-23";
    /// Difluoromethane.
    Hfc32: "HFC-32";
    /// Pentafluoroethane.
    Hfc125: "HFC-125";
    /// 1,1,1,2-Tetrafluoroethane.
    Hfc134a: "HFC-134a";
    /// 1,1,1-Trifluoroethane.
    Hfc143a: "HFC-143a";
    /// 1,1-Difluoroethane.
    Hfc152a: "HFC-152a";
    /// 1,1,1,2,3,3,3-Heptafluoropropane.
    Hfc227ea: "HFC-227ea";
    /// 1,1,1,3,3,3-Hexafluoropropane.
    Hfc236fa: "HFC-236fa";
    /// 1,1,1,3,3-Pentafluoropropane.
    Hfc245fa: "HFC-245fa";
    /// 1,1,1,3,3-Pentafluorobutane.
    Hfc365mfc: "HFC-365mfc";
    /// 1,1,1,2,2,3,4,5,5,5-Decafluoropentane.
    Hfc4310mee: "HFC-43-10mee";
}

impl Gas {
    /// The gas of this formula or name.
    pub fn find(formula: &str) -> Option<Gas> {
        Gas::ALL.iter().copied().find(|gas| gas.formula() == formula)
    }
}

impl fmt::Display for Gas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.formula())
    }
}
