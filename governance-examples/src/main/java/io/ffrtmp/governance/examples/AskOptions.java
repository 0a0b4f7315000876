package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Limits;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What can be asked for a workload, started or attached to. */
final class AskOptions {
  @Option(
      names = "--job-id",
      paramLabel = "ID",
      description = "The job's id; else one is generated.")
  private @Nullable String jobId;

  @Option(
      names = "--intent",
      paramLabel = "NAME",
      description = "What it is for; told in the result.")
  private @Nullable String intent;

  @Option(
      names = "--cpu-max",
      paramLabel = "\"QUOTA PERIOD\"",
      description = "At most QUOTA microseconds of CPU time in each PERIOD.")
  private @Nullable String cpuMax;

  @Option(
      names = "--cpus",
      paramLabel = "N",
      description = "At most so many CPUs' worth, as in 1.5.")
  private @Nullable String cpus;

  @Option(
      names = "--cpu-weight",
      paramLabel = "N",
      description = "Share of CPU time under contention, 1 to 10000; usual is 100.")
  private @Nullable Integer cpuWeight;

  @Option(
      names = "--memory-max",
      paramLabel = "BYTES",
      description = "At most so much memory, as in 256M (K, M, G, T: powers of 1024).")
  private @Nullable String memoryMax;

  @Option(
      names = "--io-max",
      paramLabel = "\"DEVICE KEY=N…\"",
      description =
          "Rates on a block device, MAJ:MIN or a path on it; keys rbps, wbps, riops, wiops."
              + " Once for each device.")
  private List<String> ioMax = List.of();

  @Option(
      names = "--limits-required",
      description = "Do nothing unless every limit can be put in force.")
  private boolean limitsRequired;

  @Option(
      names = "--result",
      paramLabel = "FILE",
      description = "Write the result as JSON; - is standard output.")
  private @Nullable String result;

  Optional<String> jobId() {
    return Optional.ofNullable(jobId);
  }

  Optional<String> intent() {
    return Optional.ofNullable(intent);
  }

  boolean limitsRequired() {
    return limitsRequired;
  }

  Optional<ResultFile> result() {
    return Optional.ofNullable(result).map(ResultFile::new);
  }

  /** Java's own parser takes 1.5f, 0x1p1 and NaN too. */
  private static double decimal(String text) {
    if (!text.matches("[0-9]*[.]?[0-9]+")) {
      throw new IllegalArgumentException(
          "'" + text + "' is no number of CPUs: use a decimal number, as in 1.5");
    }
    return Double.parseDouble(text);
  }

  Limits limits() {
    if (cpuMax != null && cpus != null) {
      throw new IllegalArgumentException("--cpu-max and --cpus say the same; give one of them");
    }
    Limits limits = Limits.NONE;
    limits = cpuMax == null ? limits : limits.cpuMax(CpuMax.parse(cpuMax));
    limits = cpus == null ? limits : limits.cpuMax(CpuMax.cores(decimal(cpus)));
    limits = cpuWeight == null ? limits : limits.cpuWeight(cpuWeight);
    limits = memoryMax == null ? limits : limits.memoryMaxBytes(ByteSize.parse(memoryMax));
    for (String line : ioMax) {
      limits = limits.ioMax(IoMax.parse(line));
    }
    return limits;
  }
}
