//! The engine on the store on a disk that loses power, and what must hold after every cut.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod clients;
#[cfg(test)]
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod hardware;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod life;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod story;
