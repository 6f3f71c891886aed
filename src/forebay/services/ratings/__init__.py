"""The service of ratings: takes rates of people in, and tells their moving average."""
