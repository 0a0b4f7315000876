package io.ffrtmp.governance.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** That the benchmark measures, and that nothing became dearer by an order of magnitude. */
class BenchmarkSmokeTest {
  @Test
  @Timeout(value = 300, unit = TimeUnit.SECONDS)
  void aShortRun_measuresEveryFigure_andNoneIsFarFromItsTarget() throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc to compile the yardstick in C");
    String few = "--rows spawn,warm,create,attach --rounds 40 --warmup 60 --gate 10";

    boolean well = Benchmark.run(Options.parse(List.of(few.split(" "))));

    assertThat(well).as("every row was measured, and passed its gate").isTrue();
  }

  @Test
  @Timeout(value = 300, unit = TimeUnit.SECONDS)
  void theRowsOfMany_withFew_measureEveryFigure() throws Exception {
    assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/gcc")), "needs gcc to compile the yardstick in C");
    String few =
        "--rows watch,strangers,ending,ending-grouped --watched 5,10 --ending 20 --rounds 5"
            + " --warmup 5";

    boolean measured = Benchmark.run(Options.parse(List.of(few.split(" "))));

    assertThat(measured).as("every row was measured").isTrue();
  }

  @Test
  void options_asArguments_readBackEqual() {
    Options options =
        Options.parse(
            List.of(
                "--rows",
                "spawn,heap",
                "--gate",
                "--watched",
                "5,6",
                "--rounds",
                "7",
                "--ending",
                "8"));

    assertThat(Options.parse(options.arguments())).isEqualTo(options);
    assertThat(options.gate()).isEqualTo(2);
  }

  @Test
  void quantiles_ofKnownValues_areThoseValues() {
    Samples samples = Samples.of(new long[] {5, 1, 4, 2, 3});

    assertThat(samples.p50()).isEqualTo(3);
    assertThat(samples.p99()).isEqualTo(5);
  }
}
