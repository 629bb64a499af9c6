//! Tools for testing the core: a server with raw clients in virtual time ([`world`]), scripts of bytes that make such
//! clients do anything in any order ([`script`]), the bodies of the fuzz targets ([`fuzz`]), which are replayed as
//! tests, and inputs that are made to be expensive ([`hostile`]). Uses only the public API of the core and the host.

mod bytes;
pub mod fuzz;
pub mod hostile;
mod ledger;
pub mod people;
pub mod script;
pub mod simulation;
pub mod world;
