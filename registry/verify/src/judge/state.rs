//! State at the date asked about, and what it means for the goods.

use jiff::Timestamp;
use record::certificate::Certificate;
use record::status::{GoodsRule, State, Transition};

use super::Question;
use super::court::Court;
use super::log::Placed;
use crate::verdict::{Check, Code, FactState, Outcome};

impl Court {
    /// The transition in force at the date asked about, when it leaves a question to the goods rule.
    pub(super) fn state(&mut self, content: &Certificate, placed: &Placed, question: &Question) -> Option<Transition> {
        let as_of = question.as_of;
        if as_of < placed.log_time {
            self.contradicted(
                Check::State,
                Code::NotYetRegistered,
                "log time",
                format!("at {as_of} the certificate was not in the log: it is since {}", placed.log_time),
                "Ask about a later date.",
            );
        } else if as_of < content.valid_from {
            self.contradicted(
                Check::State,
                Code::NotYetValid,
                "validFrom",
                format!("at {as_of} the certificate was not yet valid: it is from {}", content.valid_from),
                "Ask about a later date.",
            );
        } else if as_of >= content.valid_until {
            self.contradicted(
                Check::State,
                Code::CertificateExpired,
                "validUntil",
                format!("at {as_of} the certificate had expired on {}", content.valid_until),
                "The holder must obtain a new certificate.",
            );
        }
        match placed.record.at(as_of) {
            Some(step) if step.state != State::Active => Some(step.clone()),
            Some(step) if placed.record.is_in_doubt(step) => {
                self.open(
                    Check::State,
                    Code::SignerKeyInDoubt,
                    "cut-off of the key",
                    format!(
                        "returned to active on {} by a key that was revoked since: anybody may have done it",
                        step.effective
                    ),
                    "Ask the certification body to confirm it with another key, then obtain a fresh bundle.",
                );
                None
            }
            _ => {
                let ahead = as_of.duration_since(question.now) > super::CLOCK_SKEW;
                if as_of < placed.log_time || as_of < content.valid_from || as_of >= content.valid_until {
                    // Contradicted above.
                } else if ahead {
                    self.open(
                        Check::State,
                        Code::DateAhead,
                        "state at the date asked about",
                        format!("{as_of} is after your clock's {}: a state then cannot be known", question.now),
                        "Ask about today or an earlier date, or again on that day with a fresh bundle.",
                    );
                } else {
                    self.established(Check::State, format!("active at {as_of}"));
                }
                None
            }
        }
    }

    pub(super) fn goods(
        &mut self,
        content: &Certificate,
        step: Option<Transition>,
        production: Option<Timestamp>,
        now: Timestamp,
    ) {
        let measured = &content.assessment().measurement;
        if let Some(Transition { state, effective, goods_rule, reason, .. }) = step {
            let code = match state {
                State::Suspended => Code::CertificateSuspended,
                State::Superseded => Code::CertificateSuperseded,
                State::Withdrawn | State::Active => Code::CertificateWithdrawn,
            };
            let message = format!("the certificate is {} since {effective}: {reason}", state.word());
            match (goods_rule, production) {
                (GoodsRule::GoodsBeforeStay, Some(made)) if made < effective => {
                    self.fact(Check::State, FactState::Established, message);
                    self.reason(
                        Outcome::AcceptedWithConditions,
                        Code::GoodsMadeBefore,
                        "goods rule of the event",
                        format!("goods made at {made}, before {effective}, stay covered"),
                        "Keep proof of the production date.",
                    );
                }
                (GoodsRule::GoodsBeforeStay, _) => self.contradicted(
                    Check::State,
                    code,
                    "state at the date asked about",
                    message,
                    "For goods made before that time, ask with their production date.",
                ),
                (GoodsRule::NoGoods, _) => self.contradicted(
                    Check::State,
                    code,
                    "state at the date asked about",
                    message,
                    "Ask the certification body named in the certificate.",
                ),
            }
        }
        match production {
            None => self.fact(Check::Goods, FactState::NotEstablished, "no production date was given"),
            Some(made) if made < measured.goods_from || made >= measured.goods_until => self.contradicted(
                Check::Goods,
                Code::GoodsOutsidePeriod,
                "goods period",
                format!(
                    "goods made at {made}: the certificate covers production from {} to {}",
                    measured.goods_from, measured.goods_until
                ),
                "A certificate that covers the production date is needed.",
            ),
            Some(made) if made > now => self.open(
                Check::Goods,
                Code::DateAhead,
                "production date",
                format!("goods made at {made}, after your clock's {now}: what is not made yet is not covered"),
                "Ask with the date on which the goods were made.",
            ),
            Some(made) => self.established(Check::Goods, format!("made at {made}, in the period covered")),
        }
    }
}
