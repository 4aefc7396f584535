//! Who answers challenges without a hook, by what the certificates are configured for.

use std::cell::RefCell;
use std::rc::Rc;

use crate::config::{CertificateSettings, Config};
use crate::responder::{Responder, ResponderSettings};

/// The responders of a run: certificates with the same settings share one, and so its listeners.
#[derive(Default)]
pub struct Responders(RefCell<Vec<(ResponderSettings, Rc<Responder>)>>);

impl Responders {
    /// The responder of a certificate.
    #[must_use]
    pub fn of(&self, config: &Config, settings: &CertificateSettings) -> Rc<Responder> {
        let wanted = ResponderSettings {
            webroot: settings.webroot.clone(),
            alpn_dir: (settings.challenge.as_str() == "tls-alpn-01").then(|| config.alpn_dir.clone()),
            http_listen: settings.http_listen.into_iter().collect(),
            tls_listen: settings.tls_alpn_listen.into_iter().collect(),
        };
        let mut known = self.0.borrow_mut();
        if let Some((_, responder)) = known.iter().find(|(settings, _)| *settings == wanted) {
            return Rc::clone(responder);
        }
        let responder = Rc::new(Responder::new(wanted.clone()));
        known.push((wanted, Rc::clone(&responder)));
        responder
    }
}
