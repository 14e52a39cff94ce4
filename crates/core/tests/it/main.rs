//! The rules and the engine, tried from outside: pure steps, and whole hubs in simulated time.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod hub;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod store;

#[cfg(test)]
mod attempt_orders;
#[cfg(test)]
mod attempt_rules;
#[cfg(test)]
mod details;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod gentle;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod late;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod memory_rules;
#[cfg(test)]
mod order;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod spaces;
#[cfg(test)]
mod stages;
#[cfg(test)]
mod storage;
#[cfg(test)]
mod story;
#[cfg(test)]
mod turnover;
#[cfg(test)]
mod untruths;
#[cfg(test)]
mod word_rules;
