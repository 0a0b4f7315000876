package io.ffrtmp.governance.linux;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;

/** The walls of the house: which package and class may do what. */
class HouseTest {
  private static final String HOUSE = "io.ffrtmp.governance.linux";

  private static final JavaClasses MAIN =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(HOUSE);

  @Test
  void jna_isUsedInLibcOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackage(HOUSE + ".libc..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("com.sun.jna..")
        .check(MAIN);
  }

  @Test
  void middlePackages_dontKnowEachOtherNorWhoUsesThem() {
    List<String> middle = List.of(HOUSE + ".cgroup", HOUSE + ".process", HOUSE + ".observe");
    for (String one : middle) {
      List<String> strangers = new ArrayList<>(middle);
      strangers.remove(one);
      strangers.add(HOUSE);
      noClasses()
          .that()
          .resideInAPackage(one)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(strangers.toArray(String[]::new))
          .check(MAIN);
      classes()
          .that()
          .resideInAPackage(one)
          .should()
          .onlyHaveDependentClassesThat()
          .resideInAnyPackage(one, HOUSE)
          .check(MAIN);
    }
  }

  @Test
  void libc_knowsNothingOfTheHouse() {
    noClasses()
        .that()
        .resideInAPackage(HOUSE + ".libc")
        .should()
        .dependOnClassesThat(
            resideInAPackage("io.ffrtmp..")
                .and(describe("outside of libc", c -> !c.getPackageName().equals(HOUSE + ".libc"))))
        .check(MAIN);
  }

  @Test
  void results_areMadeByConcludeOnly() {
    noClasses()
        .that()
        .doNotHaveSimpleName("Conclude")
        .should()
        .callMethodWhere(calls(JobResult.class, "freeze"))
        .check(MAIN);
    assertThat(callers(JobResult.class, "freeze")).isNotEmpty();
  }

  @Test
  void signals_areSentByTheStartedJobOnly() {
    assertThat(callers(Pidfd.class, "send")).containsOnly("LinuxStartedJob");
    assertThat(callers(JobGroup.class, "killAll")).containsOnly("LinuxStartedJob");
    methods()
        .that()
        .areDeclaredIn(JobGroup.class)
        .and()
        .haveName("killAll")
        .should()
        .onlyBeCalled()
        .byClassesThat(simpleName("LinuxStartedJob"))
        .check(MAIN);
  }

  @Test
  void cgroupKill_isNamedInJobGroupOnly() throws IOException {
    assertThat(naming("cgroup.kill")).containsExactly("JobGroup");
    assertThat(naming("cgroup.freeze")).isEmpty();
  }

  /** The simple names of the classes whose constants contain a text. */
  private static List<String> naming(String text) throws IOException {
    List<String> found = new ArrayList<>();
    for (JavaClass each : MAIN) {
      URI source = each.getSource().orElseThrow().getUri();
      try (InputStream bytes = source.toURL().openStream()) {
        if (new String(bytes.readAllBytes(), StandardCharsets.ISO_8859_1).contains(text)) {
          found.add(each.getSimpleName());
        }
      }
    }
    return found;
  }

  private static List<String> callers(Class<?> owner, String method) {
    return MAIN.stream()
        .filter(
            each ->
                each.getMethodCallsFromSelf().stream()
                    .anyMatch(call -> calls(owner, method).test(call)))
        .map(JavaClass::getSimpleName)
        .toList();
  }

  private static DescribedPredicate<JavaAccess<?>> calls(Class<?> owner, String method) {
    return describe(
        owner.getSimpleName() + "." + method,
        call ->
            call.getTarget().getOwner().isAssignableTo(owner)
                && call.getTarget().getName().equals(method));
  }

  @Test
  void jvm_isLeftAlone() {
    Set<String> hooks =
        Set.of(
            "addShutdownHook", "removeShutdownHook", "exec", "exit", "halt", "load", "loadLibrary");
    noClasses().should().callMethodWhere(named(Runtime.class, hooks)).check(MAIN);
    noClasses()
        .should()
        .callMethodWhere(named(System.class, Set.of("exit", "setOut", "setErr")))
        .check(MAIN);
    noClasses()
        .should()
        .callMethodWhere(named(Thread.class, Set.of("sleep", "setDefaultUncaughtExceptionHandler")))
        .check(MAIN);
    noClasses()
        .should()
        .callMethodWhere(named(ForkJoinPool.class, Set.of("commonPool")))
        .check(MAIN);
    noClasses()
        .should()
        .dependOnClassesThat()
        .belongToAnyOf(ProcessBuilder.class, Process.class)
        .check(MAIN);
    noClasses()
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("sun.misc.Signal")
        .check(MAIN);
    noClasses()
        .should()
        .callMethodWhere(
            describe(
                "the common pool, by an async method without an executor or a parallel stream",
                (JavaAccess<?> call) -> onCommonPool(call.getTarget())))
        .check(MAIN);
  }

  private static boolean onCommonPool(AccessTarget target) {
    boolean future = target.getOwner().getName().equals("java.util.concurrent.CompletableFuture");
    boolean async =
        target.getName().endsWith("Async") && !target.getFullName().contains("Executor");
    return (future && async) || target.getName().matches("parallel(Stream)?");
  }

  private static DescribedPredicate<JavaAccess<?>> named(Class<?> owner, Set<String> methods) {
    return describe(
        owner.getSimpleName() + methods,
        call ->
            call.getTarget().getOwner().isEquivalentTo(owner)
                && methods.contains(call.getTarget().getName()));
  }

  @Test
  void logging_isSlf4jOnly_andStandardStreamsAreNotOurs() {
    NO_CLASSES_SHOULD_ACCESS_STANDARD_STREAMS.check(MAIN);
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAPackage("java.util.logging..")
                .or(resideInAPackage("org.apache.."))
                .or(
                    describe(
                        "System.Logger", c -> c.getName().startsWith("java.lang.System$Logger"))))
        .check(MAIN);
  }
}
