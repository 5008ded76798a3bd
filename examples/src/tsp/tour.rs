//! A tour: every city once, and its form in messages.

use bytes::Bytes;

/// A closed tour through all cities of an instance: a permutation of 0..n with at least one city.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tour {
    cities: Vec<u32>,
}

impl Tour {
    /// A tour through these cities in this order.
    ///
    /// # Errors
    ///
    /// If they are not a permutation of 0..n, or none.
    pub fn new(cities: Vec<u32>) -> Result<Self, TourError> {
        let dimension = cities.len();
        if dimension == 0 {
            return Err(TourError::Empty);
        }
        let mut seen = vec![false; dimension];
        for (position, &city) in cities.iter().enumerate() {
            match seen.get_mut(city as usize) {
                None => return Err(TourError::OutOfRange { position, city, dimension }),
                Some(true) => return Err(TourError::Repeated { position, city }),
                Some(seen) => *seen = true,
            }
        }
        Ok(Self { cities })
    }

    /// The cities in order; from the last the tour goes back to the first.
    pub fn cities(&self) -> &[u32] {
        &self.cities
    }

    /// The form for messages: each city as 4 bytes, little-endian.
    pub fn encode(&self) -> Bytes {
        self.cities.iter().flat_map(|city| city.to_le_bytes()).collect()
    }

    /// The tour of an [`encode`](Self::encode)d message, for an instance of so many cities.
    ///
    /// # Errors
    ///
    /// If the message has another size, or holds anything but a permutation. What is allocated is bounded by the
    /// dimension, whatever the message.
    pub fn decode(message: &[u8], dimension: usize) -> Result<Self, DecodeError> {
        if message.len() != dimension * CITY_BYTES {
            return Err(DecodeError::Size { bytes: message.len(), expected: dimension * CITY_BYTES });
        }
        let cities = message.chunks_exact(CITY_BYTES).map(|chunk| {
            u32::from_le_bytes(chunk.try_into().expect("chunks_exact yields chunks of this size"))
        });
        Ok(Self::new(cities.collect())?)
    }
}

const CITY_BYTES: usize = size_of::<u32>();

/// Cities that are no tour. Positions count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TourError {
    /// There is no city at all.
    #[error("a tour needs at least one city; none was given")]
    Empty,
    /// A city is not below the number of cities.
    #[error(
        "position {position}: city {city} is not below {dimension}; give a permutation of 0..{dimension}"
    )]
    OutOfRange {
        /// Where it stands.
        position: usize,
        /// The city.
        city: u32,
        /// How many cities there are.
        dimension: usize,
    },
    /// A city occurs twice.
    #[error("position {position}: city {city} occurs a second time; give every city once")]
    Repeated {
        /// Where it stands the second time.
        position: usize,
        /// The city.
        city: u32,
    },
}

/// A message that is no tour of the instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message has not 4 bytes for each city.
    #[error("a tour of this instance has {expected} bytes, not {bytes}; send one of the same instance")]
    Size {
        /// The size of the message.
        bytes: usize,
        /// The size of a tour of the instance.
        expected: usize,
    },
    /// The cities are no permutation.
    #[error(transparent)]
    Tour(#[from] TourError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tour_survives_its_message() {
        let tour = Tour::new(vec![2, 0, 3, 1]).unwrap();
        let message = tour.encode();
        assert_eq!(message.len(), 16);
        assert_eq!(&message[..4], &[2, 0, 0, 0]);
        assert_eq!(Tour::decode(&message, 4), Ok(tour));
    }

    #[test]
    fn what_is_no_permutation_is_refused() {
        assert_eq!(Tour::new(vec![]), Err(TourError::Empty));
        assert_eq!(Tour::new(vec![0, 1, 1]), Err(TourError::Repeated { position: 2, city: 1 }));
        assert_eq!(
            Tour::new(vec![0, 3, 1]),
            Err(TourError::OutOfRange { position: 1, city: 3, dimension: 3 })
        );
    }

    #[test]
    fn messages_of_another_size_are_refused() {
        assert_eq!(Tour::decode(&[0; 7], 2), Err(DecodeError::Size { bytes: 7, expected: 8 }));
        assert_eq!(Tour::decode(&[0; 12], 2), Err(DecodeError::Size { bytes: 12, expected: 8 }));
        assert_eq!(Tour::decode(&[], 0), Err(DecodeError::Tour(TourError::Empty)));
    }

    #[test]
    fn any_bytes_are_refused_or_a_permutation() {
        let mut rng = fastrand::Rng::with_seed(7);
        let valid = Tour::new((0..9).collect()).unwrap().encode();
        for _ in 0..2_000 {
            let mut message = valid.to_vec();
            for _ in 0..rng.usize(0..3) {
                let at = rng.usize(..message.len());
                message[at] = rng.u8(..);
            }
            if let Ok(tour) = Tour::decode(&message, 9) {
                let mut sorted = tour.cities().to_vec();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..9));
            }
        }
    }
}
