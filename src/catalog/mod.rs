//! What is known about providers and their models: parameters, translations, prices, dates.
