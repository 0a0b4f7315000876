package io.ffrtmp.governance;

import static com.tngtech.archunit.lang.conditions.ArchConditions.be;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.lang.reflect.AnnotatedArrayType;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URI;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final JavaClasses MAIN =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("io.ffrtmp.governance");

  private static final DescribedPredicate<JavaClass> OF_A_CLOSED_KIND =
      DescribedPredicate.describe(
          "a final class, record, enum, interface or exception",
          type ->
              type.getModifiers().contains(JavaModifier.FINAL)
                  || type.isEnum()
                  || type.isInterface()
                  || type.isAssignableTo(GovernanceException.class));

  @Test
  void module_main_dependsOnlyOnTheAllowed() {
    classes()
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage(
            "io.ffrtmp.governance..",
            "java.lang..",
            "java.math",
            "java.nio.file",
            "java.time..",
            "java.util..",
            "com.fasterxml.jackson.annotation",
            "org.jspecify.annotations")
        .check(MAIN);
  }

  @Test
  void module_descriptor_requiresOnlyTheAllowed() throws Exception {
    URI classes = Job.class.getProtectionDomain().getCodeSource().getLocation().toURI();
    ModuleReference module = ModuleFinder.of(Path.of(classes)).findAll().iterator().next();
    assertThat(module.descriptor().requires())
        .extracting(ModuleDescriptor.Requires::name)
        .containsExactlyInAnyOrder("java.base", "com.fasterxml.jackson.annotation", "org.jspecify");
    assertThat(module.descriptor().exports())
        .extracting(ModuleDescriptor.Exports::source)
        .containsExactlyInAnyOrder("io.ffrtmp.governance", "io.ffrtmp.governance.testing");
  }

  @Test
  void publicTypes_all_areOfAClosedKind() {
    classes().that().arePublic().should(be(OF_A_CLOSED_KIND)).check(MAIN);
  }

  @Test
  void values_all_haveNoPublicConstructor() {
    assertThat(publicTypes().filter(Value.class::isAssignableFrom))
        .isNotEmpty()
        .allSatisfy(type -> assertThat(type.getConstructors()).isEmpty());
  }

  @Test
  void fields_all_areFinalAndOnlyConstantsArePublic() {
    fields()
        .that()
        .areDeclaredInClassesThat()
        .resideOutsideOfPackage("..testing")
        .should()
        .beFinal()
        .check(MAIN);
    fields().that().arePublic().should().beStatic().check(MAIN);
    fields()
        .that()
        .arePublic()
        .should()
        .notHaveRawType(
            DescribedPredicate.describe(
                "an array or collection",
                type ->
                    type.isArray()
                        || type.isAssignableTo(Collection.class)
                        || type.isAssignableTo(Map.class)))
        .check(MAIN);
  }

  @Test
  void signatures_public_neverSayNullable() {
    assertThat(Job.class.getPackage().isAnnotationPresent(NullMarked.class)).isTrue();
    assertThat(publicTypes().flatMap(ArchitectureTest::signatures))
        .hasSizeGreaterThan(200)
        .filteredOn(ArchitectureTest::nullable)
        .isEmpty();
  }

  @Test
  void nullable_inASignature_isSeen() throws NoSuchMethodException {
    Method equals = Value.class.getMethod("equals", Object.class);
    assertThat(nullable(equals.getAnnotatedParameterTypes()[0])).isTrue();
  }

  @Test
  void methods_ofValues_areNeverVoid() {
    assertThat(publicTypes().filter(Value.class::isAssignableFrom))
        .allSatisfy(
            type ->
                assertThat(type.getDeclaredMethods())
                    .filteredOn(method -> Modifier.isPublic(method.getModifiers()))
                    .noneMatch(method -> method.getReturnType() == void.class));
  }

  private static Stream<Class<?>> publicTypes() {
    return MAIN.stream()
        .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
        .map(JavaClass::reflect);
  }

  /** Every type that a public method or constructor declared here returns or accepts. */
  private static Stream<AnnotatedType> signatures(Class<?> type) {
    return Stream.<Executable[]>of(type.getDeclaredMethods(), type.getDeclaredConstructors())
        .flatMap(Arrays::stream)
        .filter(each -> Modifier.isPublic(each.getModifiers()) && !each.isSynthetic())
        .filter(each -> !List.of("equals", "hashCode", "toString").contains(each.getName()))
        .flatMap(
            each ->
                Stream.concat(
                    Stream.of(each.getAnnotatedReturnType()),
                    Arrays.stream(each.getAnnotatedParameterTypes())));
  }

  private static boolean nullable(AnnotatedType type) {
    if (type.isAnnotationPresent(Nullable.class)) {
      return true;
    }
    if (type instanceof AnnotatedArrayType array) {
      return nullable(array.getAnnotatedGenericComponentType());
    }
    return type instanceof AnnotatedParameterizedType generic
        && Arrays.stream(generic.getAnnotatedActualTypeArguments())
            .anyMatch(ArchitectureTest::nullable);
  }
}
