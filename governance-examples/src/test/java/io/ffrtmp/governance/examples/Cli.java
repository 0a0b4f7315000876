package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.ffrtmp.governance.JobResult;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The packaged command line as a child process, under the JDK of this test. Output goes to files.
 */
final class Cli {
  static final Path LAUNCHER = Path.of("bin", "ffrtmp").toAbsolutePath();
  static final boolean ROOT = "root".equals(System.getProperty("user.name"));

  private static final long SECONDS = 120;

  private Cli() {}

  /** How it ended, and what it said. */
  record Outcome(int status, String out, String err) {
    /** The one job line. */
    String jobLine() {
      List<String> lines = err.lines().filter(line -> line.startsWith("JOB ")).toList();
      assertThat(lines).as("job lines in:%n%s", err).hasSize(1);
      return lines.get(0);
    }
  }

  static Outcome ffrtmp(Path scratch, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(LAUNCHER.toString()));
    command.addAll(List.of(arguments));
    return await(scratch, new ProcessBuilder(command));
  }

  /** Any command that ends by itself. */
  static Outcome await(Path scratch, ProcessBuilder builder) throws Exception {
    Path out = Files.createTempFile(scratch, "out", "");
    Path err = Files.createTempFile(scratch, "err", "");
    Process process = start(builder.redirectOutput(out.toFile()).redirectError(err.toFile()));
    try {
      assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
          .as("%s ended", builder.command())
          .isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Outcome(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  static Process start(ProcessBuilder builder) throws IOException {
    assertThat(Path.of("target", "ffrtmp.jar")).as("the packaged jar").exists();
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    return builder.start();
  }

  /** A FIFO that can be read from and written to at once: neither side waits for the other. */
  static RandomAccessFile fifo(Path path) throws Exception {
    assertThat(new ProcessBuilder("mkfifo", path.toString()).start().waitFor()).isZero();
    return new RandomAccessFile(path.toFile(), "rw");
  }

  static JobResult result(Path file) throws IOException {
    return new ObjectMapper().readValue(file.toFile(), JobResult.class);
  }

  /** Whether a program is on the PATH, for tests that need one. */
  static boolean has(String program) {
    return find(program).isPresent();
  }

  static Optional<Path> find(String program) {
    return Stream.of(System.getenv("PATH").split(":", -1))
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
