# Pareto-smoothed weights by the R package loo, of ratios with light and heavy tails.
#     Rscript make_psis.R        writes psis.json beside this script
library(loo)
library(jsonlite)

set.seed(5)
ratios <- rbind(rnorm(300, sd = 0.3), rnorm(300, sd = 1.5), 0.8 * rt(300, 4), 2 * rt(300, 3))
r_eff <- 0.8
found <- psis(t(ratios), r_eff = rep(r_eff, 4))
file <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "psis.json")
write_json(
  list(
    made_by = paste("loo", packageVersion("loo")), r_eff = r_eff, log_ratios = ratios,
    log_weights = t(weights(found)), k = pareto_k_values(found)
  ),
  file, digits = NA, auto_unbox = TRUE, pretty = FALSE
)
