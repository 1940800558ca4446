//! How often each of many small numbers occurs.

/// How often each number occurs: the lengths of delta lists, for example.
///
/// It takes eight bytes for each number up to the largest.
///
/// ```
/// use uds_index::Distribution;
///
/// let lengths: Distribution = [3, 1, 3, 4].into_iter().collect();
/// assert_eq!((lengths.count(), lengths.sum(), lengths.max()), (4, 11, Some(4)));
/// assert_eq!(lengths.percentile(50), Some(3));
/// assert_eq!(lengths.iter().collect::<Vec<_>>(), [(1, 1), (3, 2), (4, 1)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// How often the number occurs that is the place here; the last one is not 0.
    counts: Vec<u64>,
}

impl Distribution {
    /// Counts a number.
    pub fn add(&mut self, number: u32) {
        self.add_many(number, 1);
    }

    /// Counts all that another has counted.
    pub fn absorb(&mut self, other: &Self) {
        for (number, count) in other.iter() {
            self.add_many(number, count);
        }
    }

    fn add_many(&mut self, number: u32, count: u64) {
        let place = number as usize;
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += count;
    }

    /// The numbers that occur, ascending, and how often each does.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, u64)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(number, &count)| (number as u32, count))
    }

    /// How many numbers were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of the numbers.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.iter().map(|(number, count)| u64::from(number) * count).sum()
    }

    /// The smallest number, if there is any.
    #[must_use]
    pub fn min(&self) -> Option<u32> {
        self.iter().next().map(|(number, _)| number)
    }

    /// The largest number, if there is any.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        self.iter().next_back().map(|(number, _)| number)
    }

    /// The mean, if there is any number.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum() as f64 / count as f64)
    }

    /// The smallest number that at least `percent` of a hundred are not above: 50 for the median.
    /// More than 100 is taken for 100.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<u32> {
        let count = u128::from(self.count());
        let wanted = (count * u128::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        self.iter().find_map(|(number, count)| {
            seen += u128::from(count);
            (seen >= wanted).then_some(number)
        })
    }
}

impl FromIterator<u32> for Distribution {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut distribution = Self::default();
        numbers.into_iter().for_each(|number| distribution.add(number));
        distribution
    }
}

#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests {
    use super::*;

    // Guards percentiles against a rank that is one off, and against no numbers at all.
    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Distribution = (1..=100).collect();
        for percent in [1, 50, 99, 100] {
            assert_eq!(hundred.percentile(percent), Some(percent));
        }
        assert_eq!((hundred.percentile(0), hundred.percentile(200)), (Some(1), Some(100)));
        assert_eq!(hundred.mean(), Some(50.5));
        let three: Distribution = [7, 7, 0].into_iter().collect();
        assert_eq!((three.percentile(33), three.percentile(34)), (Some(0), Some(7)));
        assert_eq!((three.min(), three.max()), (Some(0), Some(7)));
        let none = Distribution::default();
        assert_eq!((none.min(), none.max(), none.mean(), none.percentile(50)), Default::default());
        assert_eq!((none.count(), none.sum()), (0, 0));
    }

    // Guards sums of several threads' counts.
    #[test]
    fn what_others_have_counted_is_added() {
        let mut all: Distribution = [1, 5].into_iter().collect();
        all.absorb(&[5, 9].into_iter().collect());
        assert_eq!(all.iter().collect::<Vec<_>>(), [(1, 1), (5, 2), (9, 1)]);
    }
}
