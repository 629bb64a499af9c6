//! Means to test the core with: a world of raw clients around it, in virtual time ([`world`]), scripts of bytes that make
//! such clients do anything in any order ([`script`]), the bodies of the fuzz targets ([`fuzz`]), which replay as tests, and
//! inputs that are meant to be dear ([`hostile`]). Knows only the public API of the core and the host.

mod bytes;
pub mod fuzz;
pub mod hostile;
pub mod people;
pub mod script;
pub mod simulation;
pub mod world;
