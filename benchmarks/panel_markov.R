# The fit of R msm that benchmarks/panel_markov.py is compared with. Arguments: the data, and how many fits to time.
suppressMessages(library(msm))
given <- commandArgs(trailingOnly = TRUE)
cav <- read.csv(given[1])
start <- rbind(c(0, 1, 0, 1), c(1, 0, 1, 1), c(0, 1, 0, 1), c(0, 0, 0, 0))
# starting values from counts, as the other side takes them
fitted <- function() msm(state ~ years, subject = PTNUM, data = cav, qmatrix = start, deathexact = 4, gen.inits = TRUE)
model <- fitted()
seconds <- sapply(seq_len(as.integer(given[2])), function(i) system.time(fitted())[["elapsed"]])
cat(sprintf(
  '{"seconds": %.6f, "minus2loglik": %.6f, "version": "%s"}\n',
  median(seconds), model$minus2loglik, as.character(packageVersion("msm"))
))
