# Stacking weights by the R package loo, of pointwise log densities of three models.
#     Rscript make_stacking.R        writes stacking.json beside this script
library(loo)
library(jsonlite)

set.seed(6)
density <- cbind(runif(80, 0.1, 0.9), runif(80, 0.2, 0.8), runif(80, 0.05, 0.95)^1.2)
file <- file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))), "stacking.json")
write_json(
  list(
    made_by = paste("loo", packageVersion("loo")), log_density = log(density),
    weights = as.numeric(stacking_weights(log(density), optim_control = list(reltol = 1e-14)))
  ),
  file, digits = NA, auto_unbox = TRUE, pretty = FALSE
)
