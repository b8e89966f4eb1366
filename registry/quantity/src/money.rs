//! Currencies: money of one is never added to money of another, and there are no rates of exchange here.

use std::fmt;

macro_rules! currencies {
    ($($(#[$doc:meta])* $currency:ident: $code:literal;)*) => {
        /// A currency (ISO 4217), where it is known only at run time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Currency {
            $($(#[$doc])* $currency,)*
        }

        impl Currency {
            /// Every currency, in the order of the table.
            pub const ALL: &'static [Currency] = &[$(Currency::$currency),*];

            /// Its code (ISO 4217).
            pub fn code(self) -> &'static str {
                match self { $(Currency::$currency => $code,)* }
            }
        }

        /// The currencies as types.
        pub mod tender {
            use super::{Currency, Tender};

            $(
                $(#[$doc])*
                #[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
                pub struct $currency;

                impl Tender for $currency {
                    const CURRENCY: Currency = Currency::$currency;
                }
            )*
        }
    };
}

/// A currency as a type.
pub trait Tender: fmt::Debug + Clone + Copy + PartialEq + PartialOrd + Send + Sync + 'static {
    /// The same at run time.
    const CURRENCY: Currency;
}

currencies! {
    /// Euro.
    Eur: "EUR";
    /// United States dollar.
    Usd: "USD";
    /// Chinese yuan.
    Cny: "CNY";
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
