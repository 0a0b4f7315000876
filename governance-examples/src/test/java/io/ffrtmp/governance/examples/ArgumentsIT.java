package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.examples.Cli.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the workload gets: arguments, environment, directory and files. Through scripts, whose bytes
 * are ours.
 */
class ArgumentsIT {
  private static final List<String> ARGUMENTS =
      List.of(
          "",
          " ",
          "a b",
          "line\nbreak\n",
          "é",
          "🎬",
          "$(id)",
          "`id`",
          "'",
          "\"",
          "\\",
          "*",
          "--",
          "-i",
          "--help",
          "@file",
          "${HOME}",
          "%n",
          "a=b",
          "\t");

  @TempDir Path scratch;

  /** A shell script of UTF-8 bytes, whatever the locale of this JVM. */
  private Outcome script(String locale, String text) throws Exception {
    Path script =
        Files.writeString(
            scratch.resolve("script"), "exec " + quoted(Cli.LAUNCHER.toString()) + " " + text);
    ProcessBuilder builder =
        new ProcessBuilder("sh", script.toString()).directory(scratch.toFile());
    builder.environment().put("LC_ALL", locale);
    return Cli.await(scratch, builder);
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "'\\''") + "'";
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "C.UTF-8"})
  void arguments_anyText_arriveByteForByte(String locale) throws Exception {
    String arguments = ARGUMENTS.stream().map(ArgumentsIT::quoted).collect(Collectors.joining(" "));
    Outcome outcome = script(locale, "run -- printf '%s\\0' " + arguments);

    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(outcome.out()).isEqualTo(String.join("\0", ARGUMENTS) + "\0");
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "C.UTF-8"})
  void paths_nonAscii_areUsedAsGiven(String locale) throws Exception {
    Outcome outcome =
        script(
            locale,
            "run --workdir ./é --stdin é/🎬 --stdout é/o --stderr é/e --result é/r --env K=ß --"
                + " sh -c 'cat; pwd >&2; env >&2'");
    assertThat(outcome.status()).as("no such directory yet").isEqualTo(125);

    script(locale, "run -- mkdir é");
    script(locale, "run --stdout é/🎬 -- echo input");
    outcome =
        script(
            locale,
            "run --workdir ./é --stdin é/🎬 --stdout é/o --stderr é/e --result é/r --env K=ß --"
                + " sh -c 'cat; pwd >&2; env >&2'");

    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(script(locale, "run -- cat é/o").out()).isEqualTo("input\n");
    assertThat(script(locale, "run -- head -n 1 é/e").out())
        .isEqualTo(scratch.toRealPath() + "/é\n");
    assertThat(script(locale, "run -- grep ß é/e").out()).isEqualTo("K=ß\n");
    assertThat(script(locale, "run -- cat é/r").out()).startsWith("{\"job_id\"");
  }

  @ParameterizedTest
  @ValueSource(strings = {"C", "C.UTF-8"})
  void program_relativeToANonAsciiDirectory_isFound(String locale) throws Exception {
    script(locale, "run -- mkdir é");
    script(locale, "run -- cp /bin/true é/program");
    Path script =
        Files.writeString(
            scratch.resolve("inside"),
            "cd é && exec " + quoted(Cli.LAUNCHER.toString()) + " run -- ./program");
    ProcessBuilder builder =
        new ProcessBuilder("sh", script.toString()).directory(scratch.toFile());
    builder.environment().put("LC_ALL", locale);
    Outcome outcome = Cli.await(scratch, builder);

    assertThat(outcome.status()).as(outcome.err()).isZero();
  }

  @Test
  void arguments_notUtf8_are2() throws Exception {
    Outcome outcome = script("C", "run -- echo \"$(printf 'a\\377')\"");

    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err())
        .isEqualTo("ffrtmp: argument 4 'a\\xff' is not UTF-8; only UTF-8 is taken\n");
  }

  @Test
  void arguments_manySmallOnes_arrive() throws Exception {
    Outcome outcome = script("C", "run -- sh -c 'echo $#' $(seq 0 80000)");
    assertThat(outcome.out()).as(outcome.err()).isEqualTo("80000\n");
  }

  @Test
  void environment_isInheritedUnalteredWithAdditions() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Cli.LAUNCHER.toString(),
            "run",
            "--env",
            "ADDED=a=b\nc",
            "--env",
            "KEPT=new",
            "env",
            "-0");
    builder.environment().clear();
    builder.environment().put("PATH", System.getenv("PATH"));
    builder.environment().put("KEPT", "old");
    builder.environment().put("LC_ALL", "POSIX");
    builder.environment().put("jar", "mine");
    Outcome outcome = Cli.await(scratch, builder);

    assertThat(outcome.out().split("\0"))
        .containsExactlyInAnyOrder(
            "PATH=" + System.getenv("PATH"),
            "JAVA_HOME=" + System.getProperty("java.home"),
            "KEPT=new",
            "LC_ALL=POSIX",
            "jar=mine",
            "ADDED=a=b\nc");
  }

  @Test
  void environment_withNothingInIt_hasNothingAdded() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(Cli.LAUNCHER.toString(), "run", "/usr/bin/env", "-0");
    builder.environment().clear();
    Outcome outcome = Cli.await(scratch, builder);

    assertThat(outcome.out()).isEqualTo("JAVA_HOME=" + System.getProperty("java.home") + "\0");
  }

  @Test
  void launcher_throughLinksFromAnywhere_findsItself() throws Exception {
    Path first = Files.createSymbolicLink(scratch.resolve("first"), Cli.LAUNCHER);
    Path second = Files.createSymbolicLink(scratch.resolve("second"), first.getFileName());
    Outcome outcome =
        Cli.await(
            scratch,
            new ProcessBuilder(second.toString(), "run", "pwd").directory(scratch.toFile()));

    assertThat(outcome.out()).isEqualTo(scratch.toRealPath() + "\n");
  }

  @Test
  void output_toFiles_isAppended() throws Exception {
    Path out = Files.writeString(scratch.resolve("o"), "before\n");
    Path err = scratch.resolve("e");
    Outcome outcome =
        Cli.ffrtmp(
            scratch,
            "run",
            "--stdout",
            out.toString(),
            "--stderr",
            err.toString(),
            "sh",
            "-c",
            "echo o; echo e >&2");

    assertThat(out).hasContent("before\no\n");
    assertThat(err).hasContent("e\n");
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err()).isEqualTo(outcome.jobLine() + "\n");
  }
}
